import { type Schedule } from '../scene';
import { FILL_SCHEDULES } from './fills';
import { HOLDER_SCHEDULES } from './holders';
import { LEASE_SCHEDULES } from './lease';
import { LIST_SCHEDULES } from './lists';
import { REDIS_SCHEDULES } from './redis';
import { TIME_SCHEDULES } from './time';

/** At least one schedule of its own for every ingredient. */
export const SCHEDULES: readonly Schedule[] = [
  ...LEASE_SCHEDULES,
  ...FILL_SCHEDULES,
  ...LIST_SCHEDULES,
  ...REDIS_SCHEDULES,
  ...HOLDER_SCHEDULES,
  ...TIME_SCHEDULES,
];
