// Started by the new-enemy suite in place of main.ts: the same app, whose mutations wait for no replica. It has to be caught.
import { runMain } from '@latchkey/service';
import { withoutWaiting } from '@latchkey/testing';
import { startRoleApp } from '../src/app';
import { roleConfig } from '../src/config';

runMain('role', async (log) => {
  const config = roleConfig(process.env);
  log.level = config.logLevel;
  return await startRoleApp(config, { log, barrier: withoutWaiting(log) });
});
