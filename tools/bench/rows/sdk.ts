import { GENERATOR_CORE } from '../process';
import { type SdkStart } from '../programs/sdk';
import { type Row } from '../row';
import { startLatchkey } from '../servers';
import { inProcess, MANY } from './decide';

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
    const { all, few, lines } = await inProcess(process, 'authorize() of the SDK');
    await bench.end(process);
    await bench.end(server);
    return { lines, figures: { sdkMicrosPerCheck: all.median, sdkHotMicrosPerCheck: few.median } };
  },
};
