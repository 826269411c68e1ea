export * from './certificates';
export * from './engines';
export { describeExit, type Exit, stopChildren } from './child';
export { embeddedEngine } from './embedded';
export { eventually, type EventuallyOptions } from './eventually';
export { channelCredentials, notServing } from './health';
export { type Link, type LinkState, openLink } from './link';
export { linkToDatabase, openDatabaseLink } from './link-to-database';
export { acquireLock, type Lock, LockHeldError } from './lock';
export { freePort, isPortFree } from './ports';
export { probeDatabase, type ProbeTarget } from './probe';
export { repositoryRoot } from './root';
export { ProcessFailedError, type RestartOptions, ServiceProcess } from './service-process';
export { type AppName, type ProcessName, startSuite, type Suite, type SuiteOptions } from './suite';
export {
  type Api,
  type ApiOptions,
  type As,
  CallError,
  type CallOptions,
  type Endpoints,
  openApi,
  openClient,
  type Promised,
  LONGEST_RECONNECT_MS,
} from './api';
export {
  newMember,
  newRole,
  newTenant,
  newToken,
  newUser,
  newWorkspace,
  type Tenant,
  type TestMember,
} from './tenants';
export { readAllDocuments, type StoredDocument } from './documents';
export { crashAt } from './crash';
export { withoutWaiting } from './without-waiting';
export { startTestSuite, type TestSuite } from './test-suite';
