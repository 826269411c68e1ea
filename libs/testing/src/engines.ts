export { startDatabase } from './database';
export { type Engine, EngineError, type EngineKind, type EngineOptions, type Log } from './engine';
export { startRedis } from './redis';
