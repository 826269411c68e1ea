import { randomBytes } from 'node:crypto';
import { type Clock, type Evaluate } from '@latchkey/coherence/sans-io';
import {
  checkKey,
  checkPrincipal,
  decide,
  DEFAULT_LEGACY_SUNSET,
  type Facts,
  type Question,
  type Reason,
} from '@latchkey/decision';
import { type Principal } from '@latchkey/service';
import { type Depth, factsByKey, factsByUser, type Loaded } from './facts-of';
import { fromMemory } from './known';
import { minuteOf } from './minute';
import { hashSecret, parseSecret } from './secret';
import { type KnownKey, type Value } from './values';

/** What came of a question. */
export interface Verdict {
  readonly allowed: boolean;
  readonly reason: Reason | 'MALFORMED_KEY';
  /** Process prefix and counter, and how it was found: `m` from memory alone, `r` after facts were read. */
  readonly decisionId: string;
  /** Known keys and members only. */
  readonly principal?: Principal;
  /** When a legacy key ends that still works, epoch ms. */
  readonly legacySunset?: number;
}

/**
 * The one place that answers questions: Authorize and its kin ask it, so does the SDK, and so do the services' own guards.
 * What is decided from memory alone is there at once; a promise means that facts have to be read first, on account of
 * `caller`, the service that asks.
 */
export interface Judge {
  /** May the holder of this secret? */
  judgeKey(secret: string, question: Question, caller?: string): Verdict | Promise<Verdict>;
  /** May this person, in `question.organizationId`? */
  judgeUser(userId: string, question: Question, caller?: string): Verdict | Promise<Verdict>;
  /** Whose secret is it, and may they act at all? */
  identifyKey(secret: string, caller?: string): Verdict | Promise<Verdict>;
  /** Which member is this person, and may they act at all? */
  identifyUser(userId: string, organizationId: string, caller?: string): Verdict | Promise<Verdict>;
}

const NO_QUESTION: Question = { permission: '', workspaceId: '', organizationId: '' };

/** Where decisions find their facts, and the time to judge them at. */
export interface Memory {
  /**
   * @throws AppError UNAVAILABLE, without a lease or when facts cannot be read; RESOURCE_EXHAUSTED, when they would have to be
   * and the caller has had too many read lately
   */
  check<A>(evaluate: Evaluate<Value, A>, caller?: string): A | Promise<A>;
  /** Whether something is in memory under this hash, with or without a lease. */
  remembersHash(hash: string): boolean;
  /** Database time, epoch ms. */
  now(clock: Clock): number;
}

type Outcome = Omit<Verdict, 'decisionId'>;

export interface JudgeOptions {
  readonly memory: Memory;
  /** First part of every secret. */
  readonly brand: string;
  /**
   * Told of uses of a key, at database time, epoch ms: in each minute until it answers true, that it has taken one. A key is used
   * when it is presented while it works, and its holder with it, whatever the answer to the question is.
   */
  readonly used?: (keyId: string, nowMs: number) => boolean;
}

/** Refusals that are not for the sake of the key or its holder: it was used, if in vain. */
const USED_IN_VAIN: ReadonlySet<Reason> = new Set<Reason>([
  'WRONG_ORGANIZATION',
  'UNKNOWN_PERMISSION',
  'SCOPE_REQUIRED',
  'WORKSPACE_NOT_FOUND',
  'PERMISSION_MISSING',
]);

export function judge({ memory, brand, used = () => true }: JudgeOptions): Judge {
  const prefix = `dec_${randomBytes(8).toString('hex')}-`;
  let count = 0;
  const numbered = ({ allowed, reason, principal, legacySunset }: Outcome, how: 'm' | 'r'): Verdict => {
    count += 1;
    return { allowed, reason, decisionId: prefix + count + how, principal, legacySunset };
  };
  const noteUse = (key: KnownKey, nowMs: number): void => {
    const minute = minuteOf(nowMs);
    if (key.usedMinute !== minute && used(key.id, nowMs)) key.usedMinute = minute;
  };
  const verdict = (found: Outcome | Promise<Outcome>): Verdict | Promise<Verdict> =>
    found instanceof Promise ? found.then((outcome) => numbered(outcome, 'r')) : numbered(found, 'm');

  // Both in one synchronous turn each: what is decided from is what is in memory at that moment, all of it.
  const ofKey = (
    secret: string,
    question: Question,
    depth: Depth,
    caller: string | undefined,
    decided: (loaded: Loaded, nowMs: number) => Outcome,
  ): Verdict | Promise<Verdict> => {
    const hash = hashSecret(secret);
    // What is remembered was well-formed when it was looked up first, and need not be looked at again.
    if (!memory.remembersHash(hash) && !parseSecret(brand, secret)) {
      return numbered({ allowed: false, reason: 'MALFORMED_KEY' }, 'm');
    }
    const found = memory.check(
      (view, clock) =>
        fromMemory(view, (known) => {
          const nowMs = memory.now(clock);
          return decided(factsByKey(known, hash, question, depth, nowMs), nowMs);
        }),
      caller,
    );
    return verdict(found);
  };
  const ofUser = (
    userId: string,
    question: Question,
    depth: Depth,
    caller: string | undefined,
    decided: (facts: Facts, nowMs: number) => Outcome,
  ): Verdict | Promise<Verdict> =>
    verdict(
      memory.check(
        (view, clock) =>
          fromMemory(view, (known) => decided(factsByUser(known, userId, question, depth), memory.now(clock))),
        caller,
      ),
    );

  return {
    judgeKey: (secret, question, caller) =>
      ofKey(secret, question, 'decision', caller, ({ facts, key }, nowMs) => {
        const { allowed, reason, legacySunset } = decide(question, facts, nowMs);
        if (key && (allowed || USED_IN_VAIN.has(reason))) noteUse(key, nowMs);
        return { allowed, reason, principal: holder(key), legacySunset };
      }),

    judgeUser: (userId, question, caller) =>
      ofUser(userId, question, 'decision', caller, (facts, nowMs) => {
        const { allowed, reason } = decide(question, facts, nowMs);
        return { allowed, reason, principal: member(facts) };
      }),

    identifyKey: (secret, caller) =>
      ofKey(secret, NO_QUESTION, 'liveness', caller, ({ facts, key: found }, nowMs) => {
        const { entry, principal, organization } = facts;
        const key = entry.kind === 'key' ? entry.key : undefined;
        const sunset = organization?.legacySunset;
        const refusal = checkKey(key, nowMs, sunset) ?? checkPrincipal(entry, principal, organization);
        if (found && !refusal) noteUse(found, nowMs);
        const ending = refusal === undefined && key?.kind === 'LEGACY' ? (sunset ?? DEFAULT_LEGACY_SUNSET) : undefined;
        return { allowed: !refusal, reason: refusal ?? 'ALLOWED', principal: holder(found), legacySunset: ending };
      }),

    identifyUser: (userId, organizationId, caller) =>
      ofUser(userId, { ...NO_QUESTION, organizationId }, 'liveness', caller, (facts) => {
        const refusal = checkPrincipal(facts.entry, facts.principal, facts.organization);
        return { allowed: !refusal, reason: refusal ?? 'ALLOWED', principal: member(facts) };
      }),
  };
}

/** A key that is not bound yet is not known to anyone outside. */
function holder(key: KnownKey | undefined): Principal | undefined {
  if (key === undefined || key.state === 'PENDING') return undefined;
  const { organizationId, principalId, userId, id, narrowedTo } = key;
  return { organizationId, principalId, userId, keyId: id, viaKey: true, narrowed: narrowedTo !== undefined };
}

function member({ principal }: Facts): Principal | undefined {
  if (principal === undefined) return undefined;
  const { organizationId, id, userId } = principal;
  return { organizationId, principalId: id, userId, keyId: '', viaKey: false, narrowed: false };
}
