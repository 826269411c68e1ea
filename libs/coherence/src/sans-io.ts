// What needs neither database nor Redis: the protocol's core and the kinds of entities. For the SDK, which has neither.
export * from './protocol';
export * from './entities';
export { settledWithin } from './bounded';
export { systemClock } from './live/clock';
export { checking, type Deciding, type Resume } from './live/checking';
