export * from './gen/latchkey/role/v1/binding';
export * from './gen/latchkey/role/v1/fact';
export * from './gen/latchkey/role/v1/permission';
export * from './gen/latchkey/role/v1/role';
