import { randomBytes } from 'node:crypto';
import { type LiveReplica } from '@latchkey/coherence';
import {
  checkKey,
  checkPrincipal,
  decide,
  DEFAULT_LEGACY_SUNSET,
  type Facts,
  type Question,
  type Reason,
} from '@latchkey/decision';
import { type CallContext, type Principal } from '@latchkey/service';
import { type Depth, factsByKey, factsByUser, type Loaded } from './facts';
import { type KeyRecord } from './key';
import { fromMemory, type Value } from './known';
import { hashSecret, parseSecret } from './secret';

/** What came of a question. */
export interface Verdict {
  readonly allowed: boolean;
  readonly reason: Reason | 'MALFORMED_KEY';
  /** Process prefix and counter. */
  readonly decisionId: string;
  /** Known keys and members only. */
  readonly principal?: Principal;
  /** When a legacy key ends that still works. */
  readonly legacySunset?: Date;
}

/** The one place that answers questions: Authorize and its kin ask it, and so does this service's own guard. */
export interface Judge {
  /** May the holder of this secret? */
  judgeKey(secret: string, question: Question, ctx: CallContext): Promise<Verdict>;
  /** May this person, in `question.organizationId`? */
  judgeUser(userId: string, question: Question, ctx: CallContext): Promise<Verdict>;
  /** Whose secret is it, and may they act at all? */
  identifyKey(secret: string, ctx: CallContext): Promise<Verdict>;
  /** Which member is this person, and may they act at all? */
  identifyUser(userId: string, organizationId: string, ctx: CallContext): Promise<Verdict>;
}

const NO_QUESTION: Question = { permission: '', workspaceId: '', organizationId: '' };

/** Where decisions find their facts, and the time to judge them at. */
export interface Memory extends Pick<LiveReplica<Value>, 'check'> {
  /** Database time, epoch ms. */
  now(): number;
}

export function judge({ memory, brand }: { memory: Memory; brand: string }): Judge {
  const prefix = `dec_${randomBytes(8).toString('hex')}`;
  let count = 0;

  /** `found`: what memory answered with; a promise if facts had to be read first. */
  const verdict = (answer: Omit<Verdict, 'decisionId'>, ctx: CallContext, found: unknown): Verdict => {
    count += 1;
    const decisionId = `${prefix}-${count}`;
    const { allowed, reason, principal } = answer;
    const { principalId, keyId } = principal ?? {};
    const fromMemory = !(found instanceof Promise);
    ctx.log.debug({ decisionId, allowed, reason, principalId, keyId, fromMemory }, 'decided');
    return { ...answer, decisionId };
  };
  const malformed = (ctx: CallContext): Verdict => verdict({ allowed: false, reason: 'MALFORMED_KEY' }, ctx, undefined);

  // Both in one synchronous turn each: what is decided from is what is in memory at that moment, all of it.
  const ofKey = <A>(
    secret: string,
    question: Question,
    depth: Depth,
    decided: (loaded: Loaded, nowMs: number) => A,
  ) => {
    const hash = hashSecret(secret);
    return memory.check((view) =>
      fromMemory(view, (known) => {
        const nowMs = memory.now();
        return decided(factsByKey(known, hash, question, depth, nowMs), nowMs);
      }),
    );
  };
  const ofUser = <A>(userId: string, question: Question, depth: Depth, decided: (facts: Facts, nowMs: number) => A) =>
    memory.check((view) =>
      fromMemory(view, (known) => decided(factsByUser(known, userId, question, depth), memory.now())),
    );

  return {
    async judgeKey(secret, question, ctx) {
      if (!parseSecret(brand, secret)) return malformed(ctx);
      const found = ofKey(secret, question, 'decision', ({ facts, record }, nowMs) => {
        const { allowed, reason, legacySunset } = decide(question, facts, nowMs);
        return { allowed, reason, ...known(record), ...notice(legacySunset) };
      });
      return verdict(await found, ctx, found);
    },

    async judgeUser(userId, question, ctx) {
      const found = ofUser(userId, question, 'decision', (facts, nowMs) => {
        const { allowed, reason } = decide(question, facts, nowMs);
        return { allowed, reason, ...member(facts) };
      });
      return verdict(await found, ctx, found);
    },

    async identifyKey(secret, ctx) {
      if (!parseSecret(brand, secret)) return malformed(ctx);
      const found = ofKey(secret, NO_QUESTION, 'liveness', ({ facts, record }, nowMs) => {
        const { entry, principal, organization } = facts;
        const key = entry.kind === 'key' ? entry.key : undefined;
        const sunset = organization?.legacySunset;
        const refusal = checkKey(key, nowMs, sunset) ?? checkPrincipal(entry, principal, organization);
        const ending = refusal === undefined && key?.kind === 'LEGACY' ? (sunset ?? DEFAULT_LEGACY_SUNSET) : undefined;
        return { allowed: !refusal, reason: refusal ?? ('ALLOWED' as const), ...known(record), ...notice(ending) };
      });
      return verdict(await found, ctx, found);
    },

    async identifyUser(userId, organizationId, ctx) {
      const found = ofUser(userId, { ...NO_QUESTION, organizationId }, 'liveness', (facts) => {
        const refusal = checkPrincipal(facts.entry, facts.principal, facts.organization);
        return { allowed: !refusal, reason: refusal ?? ('ALLOWED' as const), ...member(facts) };
      });
      return verdict(await found, ctx, found);
    },
  };
}

const notice = (sunset: number | undefined) => (sunset === undefined ? {} : { legacySunset: new Date(sunset) });

/** A key that is not bound yet is not known to anyone outside. */
function known(record: KeyRecord | undefined): { principal?: Principal } {
  if (record === undefined || record.state === 'PENDING') return {};
  return {
    principal: {
      organizationId: record.organizationId,
      principalId: record.principalId,
      userId: record.userId,
      keyId: record._id,
      viaKey: true,
      narrowed: record.permissions !== undefined,
    },
  };
}

function member(facts: Facts): { principal?: Principal } {
  if (facts.principal === undefined) return {};
  const { organizationId, id, userId } = facts.principal;
  return {
    principal: {
      organizationId,
      principalId: id,
      userId,
      keyId: '',
      viaKey: false,
      narrowed: false,
    },
  };
}
