import { runMain } from '@latchkey/service';
import { startWorkerApp } from './app';
import { workerConfig } from './config';

runMain('worker', async (log) => {
  const config = workerConfig(process.env);
  log.level = config.logLevel;
  return await startWorkerApp(config, { log });
});
