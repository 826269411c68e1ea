export * from './gen/latchkey/key/v1/authorization';
export * from './gen/latchkey/key/v1/grants';
export * from './gen/latchkey/key/v1/key';
export * from './gen/latchkey/key/v1/legacy_key';
export * from './gen/latchkey/key/v1/personal_token';
export * from './gen/latchkey/key/v1/service_key';
