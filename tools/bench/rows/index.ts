import { type Row } from '../row';
import { authorize } from './authorize';
import { barrier } from './barrier';
import { batch } from './batch';
import { decide } from './decide';
import { growth } from './growth';
import { hundredfold } from './hundredfold';
import { latency } from './latency';
import { memory } from './memory';
import { mixed } from './mixed';
import { peers } from './peers';
import { removal } from './removal';
import { sdk } from './sdk';

/** Every row, in the order of the document. */
export const ROWS: readonly Row[] = [
  authorize,
  batch,
  sdk,
  decide,
  hundredfold,
  growth,
  memory,
  barrier,
  removal,
  mixed,
  latency,
  peers,
];
