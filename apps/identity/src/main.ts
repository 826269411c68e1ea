import { runMain } from '@latchkey/service';
import { startIdentityApp } from './app';
import { identityConfig } from './config';

runMain('identity', async (log) => {
  const config = identityConfig(process.env);
  log.level = config.logLevel;
  return await startIdentityApp(config, { log });
});
