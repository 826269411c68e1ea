// What decisions are made of, as processes remember it: by kind of entity, and judged in one synchronous turn.
export { guardBy } from './guard';
export { judge, type Judge, type JudgeOptions, type Memory, type Verdict } from './judge';
export { MINUTE_MS, minuteOf } from './minute';
export { questionError } from './question';
export { hashSecret, hintOf, type KeyKind, newSecret, parseSecret, type PresentedKey, RANDOM_BYTES } from './secret';
export { SharedIds } from './shared-ids';
export { type KeyUse, Usage } from './usage';
export { type KnownKey, type Value, type Values } from './values';
export { downMessage, heardAbove, heardBelow, upMessage } from './grant-messages';
