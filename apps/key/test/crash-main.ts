// Started by the crash tests in place of main.ts: the same app, which kills itself where the test says.
import { runMain } from '@latchkey/service';
import { crashAt } from '@latchkey/testing';
import { startKeyApp } from '../src/app';
import { keyConfig } from '../src/config';

runMain('key', async (log) => {
  const config = keyConfig(process.env);
  log.level = config.logLevel;
  return await startKeyApp(config, { log, checkpoint: crashAt(process.env.LATCHKEY_TEST_CRASH_FILE ?? '') });
});
