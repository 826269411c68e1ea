// @latchkey/client: decisions about keys in your own process, at memory speed, and never stale.
export { decisionOf, type PermissionRule } from './admission';
export { type Decision, type Question } from './answer';
export {
  type AskOptions,
  type BatchResult,
  type ClientLog,
  connectLatchkey,
  type LatchkeyClient,
  LatchkeyError,
  type LatchkeyOptions,
} from './client';
export {
  type GrpcRequest,
  inMessage,
  type InterceptorOptions,
  type MethodRule,
  requirePermission,
} from './interceptor';
export { type HttpOptions, requirePermissionFastify, requirePermissionHttp } from './middleware';
