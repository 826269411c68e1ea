import { type Row } from '../row';
import { authorize } from './authorize';
import { batch } from './batch';
import { decide } from './decide';
import { memory } from './memory';

/** Every row, in the order of the table. */
export const ROWS: readonly Row[] = [authorize, batch, decide, memory];
