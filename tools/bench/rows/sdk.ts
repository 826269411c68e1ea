import { type Size } from '../data/dataset';
import { GENERATOR_CORE } from '../process';
import { type SdkStart } from '../programs/sdk';
import { type Row } from '../row';
import { startLatchkey } from '../servers';
import { inProcessLine, inProcessMicros } from './decide';

const REACH_MICROS = 3;
const REACH_HOT_MICROS = 1.5;
const MANY: Size = { members: 200_000, workspaces: 100 };
const HOT = 1_000;

/** What a product pays that asks the SDK. */
export const sdk: Row = {
  name: 'sdk',
  about: 'authorize() of the SDK from its memory, over 200,000 keys and over 1,000',
  async run(bench) {
    bench.log(`  filling ${MANY.members} keys twice: the server's memory, and over its stream the SDK's`);
    const { process: server, port } = await startLatchkey(bench, { size: MANY, filled: MANY.members });
    const process = await bench.start({ program: 'sdk', core: GENERATOR_CORE });
    const start: SdkStart = { root: bench.root, port, tls: await bench.tls('ops'), size: MANY };
    await process.ask('start', start);
    const all = await inProcessMicros(process, MANY.members);
    const few = await inProcessMicros(process, HOT);
    await bench.end(process);
    await bench.end(server);
    return {
      lines: [
        inProcessLine('authorize() of the SDK, uniform over 200,000 keys', all, REACH_MICROS),
        inProcessLine('authorize() of the SDK, over 1,000 hot keys', few, REACH_HOT_MICROS),
      ],
      figures: { sdkMicrosPerCheck: all.median, sdkHotMicrosPerCheck: few.median },
    };
  },
};
