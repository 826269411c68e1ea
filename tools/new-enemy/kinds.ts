import { type Kind } from './kind';
import { KINDS_OF_IDENTITY } from './kinds-of-identity';
import { KINDS_OF_KEY } from './kinds-of-key';
import { KINDS_OF_ROLE } from './kinds-of-role';

/** Every kind of mutation that takes something away. */
export const KINDS: readonly Kind[] = [...KINDS_OF_ROLE, ...KINDS_OF_IDENTITY, ...KINDS_OF_KEY];
