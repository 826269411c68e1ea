// The generated contract, one namespace per proto package. Everything under gen/ is written by `npm run generate`.
export * as identityV1 from './identity-v1';
export * as roleV1 from './role-v1';
export * as keyV1 from './key-v1';
export * as auditV1 from './gen/latchkey/audit/v1/audit';
export * as eventsV1 from './gen/latchkey/events/v1/user_deletion';
export * as rpc from './google-rpc';
export { DESCRIPTOR_SET_BASE64 } from './gen/descriptors';
