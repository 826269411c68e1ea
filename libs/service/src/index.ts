// What any RPC server needs that is not domain.
export { AppError, type AppErrorOptions, type Code, type FieldViolation, LatchkeyError, toAppError } from './errors';
export { isRefusal } from './client-errors';
export { ERROR_DOMAIN, fromStatus, toStatus } from './status';
export {
  actorOf,
  type AuditActor,
  type CallContext,
  type Credential,
  type Guard,
  type GuardOutcome,
  type GuardScope,
  type Principal,
  type PrincipalContext,
  systemContext,
  type UserContext,
} from './context';
export { granting } from './granting';
export { orGone } from './or-gone';
export { bearerRefused, organizationNotFound, permissionMissing, workspaceNotFound } from './refusals';
export { callerOnly, permission, permissionOn, type Rule, self, selfUser, signedInUser } from './rules';
export {
  describeRules,
  type QuickCodec,
  type QuickCodecs,
  rpc,
  type RpcEntry,
  type RpcTable,
  type RuleRow,
  service,
  type ServiceRegistration,
  stream,
  type StreamContext,
  type StreamHandler,
  type StreamPeer,
  unguarded,
} from './registration';
export { contractServices } from './contract';
export * from './paging';
export { type OnRefused } from './adapter';
export { type Limits, type RunningServer, type ServerOptions, startServer } from './server';
export {
  client,
  connect,
  type Connection,
  type ConnectOptions,
  gaveUp,
  type OpenStream,
  type Outgoing,
  type PromisedClient,
  within,
} from './client';
export { dialer } from './dial';
export { reconnectAfterMs } from './reconnect';
export { deadlineExceeded } from './lifetime';
export { bearerOf } from './credential';
export { type TlsFiles } from './tls';
export { createLogger, type Logger, type LoggerOptions, type LogLevel } from './logger';
export { masked } from './secrets';
export { inOrder } from './in-order';
export { ConfigError, fields, readConfig } from './config';
export { letCallsDieYoung } from './session-streams';
export { tuneV8 } from './v8';
export { type RunningApp, runMain } from './process';
