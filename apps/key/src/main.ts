import { runMain } from '@latchkey/service';
import { startKeyApp } from './app';
import { keyConfig } from './config';

runMain('key', async (log) => {
  const config = keyConfig(process.env);
  log.level = config.logLevel;
  return await startKeyApp(config, { log });
});
