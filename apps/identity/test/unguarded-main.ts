// Started by the new-enemy suite in place of main.ts: the same app, whose mutations wait for no replica. It has to be caught.
import { runMain } from '@latchkey/service';
import { withoutWaiting } from '@latchkey/testing';
import { startIdentityApp } from '../src/app';
import { identityConfig } from '../src/config';

runMain('identity', async (log) => {
  const config = identityConfig(process.env);
  log.level = config.logLevel;
  return await startIdentityApp(config, { log, barrier: withoutWaiting(log) });
});
