export * from './gen/latchkey/identity/v1/deletion';
export * from './gen/latchkey/identity/v1/fact';
export * from './gen/latchkey/identity/v1/member';
export * from './gen/latchkey/identity/v1/organization';
export * from './gen/latchkey/identity/v1/user';
export * from './gen/latchkey/identity/v1/workspace';
