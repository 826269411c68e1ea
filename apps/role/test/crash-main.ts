// Started by the crash tests in place of main.ts: the same app, which kills itself where the test says.
import { runMain } from '@latchkey/service';
import { crashAt } from '@latchkey/testing';
import { startRoleApp } from '../src/app';
import { roleConfig } from '../src/config';

runMain('role', async (log) => {
  const config = roleConfig(process.env);
  log.level = config.logLevel;
  return await startRoleApp(config, { log, checkpoint: crashAt(process.env.LATCHKEY_TEST_CRASH_FILE ?? '') });
});
