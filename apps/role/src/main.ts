import { runMain } from '@latchkey/service';
import { startRoleApp } from './app';
import { roleConfig } from './config';

runMain('role', async (log) => {
  const config = roleConfig(process.env);
  log.level = config.logLevel;
  return await startRoleApp(config, { log });
});
