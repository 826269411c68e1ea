import { type Row } from '../row';
import { authorize } from './authorize';

/** Every row, in the order of the table. */
export const ROWS: readonly Row[] = [authorize];
