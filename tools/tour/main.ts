import { parseArgs } from 'node:util';
import { runTour } from './tour';

const { values } = parseArgs({ options: { endpoints: { type: 'string' }, redis: { type: 'string' } } });

runTour({
  endpointsFile: values.endpoints ?? '.latchkey/endpoints.json',
  redisUrl: values.redis,
  log: (line) => console.log(line),
}).catch((error: unknown) => {
  console.error(`The tour failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
});
