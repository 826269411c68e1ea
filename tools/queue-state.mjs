// Prints what the queue that carries user deletions holds, of the suite that npm start runs: node tools/queue-state.mjs
import { existsSync, readFileSync } from 'node:fs';
import { Queue } from 'bullmq';

const file = new URL('../.latchkey/redis-url', import.meta.url);
if (!existsSync(file)) {
  console.error('Nothing is running: start Latchkey with npm start first.');
  process.exit(1);
}
const url = readFileSync(file, 'utf8').trim();
const queue = new Queue('user-deletion', { prefix: 'latchkey', connection: { url, maxRetriesPerRequest: 1 } });
// Without a listener BullMQ prints every failed attempt to connect; the request below reports it once.
queue.on('error', () => undefined);
try {
  const counts = await queue.getJobCounts();
  for (const [state, count] of Object.entries(counts)) console.log(`${state.padEnd(18)} ${count}`);
} catch (error) {
  console.error(`The queue does not answer: ${error.message}`);
  process.exitCode = 1;
} finally {
  await queue.close();
}
