export { encodeUserDeletion, InvalidEventError, parseUserDeletion } from './user-deletion';

/** The BullMQ queue that carries UserDeletionRequested, and the prefix of its keys in Redis. */
export const USER_DELETION_QUEUE = 'user-deletion';
export const QUEUE_PREFIX = 'latchkey';
