// Started by the new-enemy suite in place of main.ts: the same app, whose mutations wait for no replica. It has to be caught.
import { runMain } from '@latchkey/service';
import { withoutWaiting } from '@latchkey/testing';
import { startKeyApp } from '../src/app';
import { keyConfig } from '../src/config';

runMain('key', async (log) => {
  const config = keyConfig(process.env);
  log.level = config.logLevel;
  return await startKeyApp(config, { log, barrier: withoutWaiting(log) });
});
