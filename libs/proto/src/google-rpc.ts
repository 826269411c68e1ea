export * from './gen/google/rpc/error_details';
export * from './gen/google/rpc/status';
