// Started by the crash tests in place of main.ts: the same app, which kills itself where the test says.
import { runMain } from '@latchkey/service';
import { crashAt } from '@latchkey/testing';
import { startIdentityApp } from '../src/app';
import { identityConfig } from '../src/config';

runMain('identity', async (log) => {
  const config = identityConfig(process.env);
  log.level = config.logLevel;
  return await startIdentityApp(config, { log, checkpoint: crashAt(process.env.LATCHKEY_TEST_CRASH_FILE ?? '') });
});
