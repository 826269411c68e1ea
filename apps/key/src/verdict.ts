import { randomBytes } from 'node:crypto';
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
import { type FactSource, loadByKey, loadByUser } from './facts';
import { type KeyRecord } from './key';
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

export function judge(deps: { source: FactSource; brand: string; now: () => number }): Judge {
  const { source, brand, now } = deps;
  const prefix = `dec_${randomBytes(8).toString('hex')}`;
  let count = 0;

  const verdict = (answer: Omit<Verdict, 'decisionId'>, ctx: CallContext): Verdict => {
    count += 1;
    const decisionId = `${prefix}-${count}`;
    const { allowed, reason, principal } = answer;
    ctx.log.debug(
      { decisionId, allowed, reason, principalId: principal?.principalId, keyId: principal?.keyId },
      'decided',
    );
    return { ...answer, decisionId };
  };
  const malformed = (ctx: CallContext): Verdict => verdict({ allowed: false, reason: 'MALFORMED_KEY' }, ctx);

  return {
    async judgeKey(secret, question, ctx) {
      if (!parseSecret(brand, secret)) return malformed(ctx);
      const { facts, record } = await loadByKey(source, hashSecret(secret), question, 'decision', now(), ctx);
      const { allowed, reason, legacySunset } = decide(question, facts, now());
      return verdict({ allowed, reason, ...known(record), ...notice(legacySunset) }, ctx);
    },

    async judgeUser(userId, question, ctx) {
      const facts = await loadByUser(source, userId, question, 'decision', ctx);
      const { allowed, reason } = decide(question, facts, now());
      return verdict({ allowed, reason, ...member(facts) }, ctx);
    },

    async identifyKey(secret, ctx) {
      if (!parseSecret(brand, secret)) return malformed(ctx);
      const { facts, record } = await loadByKey(source, hashSecret(secret), NO_QUESTION, 'liveness', now(), ctx);
      const { entry, principal, organization } = facts;
      const key = entry.kind === 'key' ? entry.key : undefined;
      const sunset = organization?.legacySunset;
      const refusal = checkKey(key, now(), sunset) ?? checkPrincipal(entry, principal, organization);
      const ending = refusal === undefined && key?.kind === 'LEGACY' ? (sunset ?? DEFAULT_LEGACY_SUNSET) : undefined;
      return verdict({ allowed: !refusal, reason: refusal ?? 'ALLOWED', ...known(record), ...notice(ending) }, ctx);
    },

    async identifyUser(userId, organizationId, ctx) {
      const facts = await loadByUser(source, userId, { ...NO_QUESTION, organizationId }, 'liveness', ctx);
      const refusal = checkPrincipal(facts.entry, facts.principal, facts.organization);
      return verdict({ allowed: !refusal, reason: refusal ?? 'ALLOWED', ...member(facts) }, ctx);
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
