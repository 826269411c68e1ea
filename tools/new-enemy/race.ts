import { setTimeout as sleep } from 'node:timers/promises';
import { keyV1 } from '@latchkey/proto';
import { type Api } from '@latchkey/testing';
import { now } from './clock';
import { type CheckRecord, type RaceRecord } from './history';
import { type Kind, type Subject } from './kind';
import { isTransient, untilAnswered, untilDone } from './patience';
import { between, type Random } from './random';

/** Longer than any process is stopped for: what a stopped replica answers in the end is what matters, ms. */
const CHECK_TIMEOUT_MS = 30_000;
/** After a check without an answer, ms: a replica that is gone is not asked in a tight loop. */
const PAUSE_MS = 5;
/** How long a replica may take to give its first answer; one that is gone races without us. */
const WARM_LIMIT_MS = 3_000;
/** How long checks go on before the mutation is called, and after it is acknowledged, ms. */
const BEFORE_MS = [1, 15] as const;
const AFTER_MS = [10, 40] as const;

export interface RaceOptions {
  readonly replicas: Api['authorizationReplicas'];
  /** How many ask each replica, each one check after the other. */
  readonly checkers: number;
  readonly random: Random;
}

/** Races one mutation against checks on every replica; resolves when all of them are answered. */
export async function runRace(
  kind: Kind,
  number: number,
  prepare: () => Promise<Subject>,
  { replicas, checkers, random }: RaceOptions,
): Promise<RaceRecord> {
  const subject = await untilDone(prepare);
  const checks: CheckRecord[] = [];
  const check = async (replica: number): Promise<CheckRecord> => {
    const record = await ask(replicas, replica, subject);
    checks.push(record);
    return record;
  };
  await Promise.all(replicas.map((_, replica) => untilAnsweredBy(() => check(replica))));

  let over = false;
  const loop = async (replica: number): Promise<void> => {
    while (!over) if ((await check(replica)).answer === 'NO_ANSWER') await sleep(PAUSE_MS);
  };
  const loops = replicas.flatMap((_, replica) => Array.from({ length: checkers }, () => loop(replica)));
  try {
    await sleep(between(random, ...BEFORE_MS));
    const begun = now();
    const { attempts } = await untilAnswered((requestId) => subject.revoke(requestId));
    const acknowledged = now();
    // The earliest checks that have to see it: the loops may be waiting for answers.
    const probes = replicas.map((_, replica) => check(replica));
    await sleep(between(random, ...AFTER_MS));
    over = true;
    await Promise.all([...probes, ...loops]);
    const { name, refusal } = kind;
    return { kind: name, number, subject: subject.changes, refusal, begun, acknowledged, attempts, checks };
  } finally {
    over = true;
    await Promise.allSettled(loops);
  }
}

async function untilAnsweredBy(check: () => Promise<CheckRecord>): Promise<void> {
  const end = now() + WARM_LIMIT_MS;
  while ((await check()).answer === 'NO_ANSWER' && now() < end) await sleep(PAUSE_MS);
}

async function ask(replicas: RaceOptions['replicas'], replica: number, subject: Subject): Promise<CheckRecord> {
  const start = now();
  try {
    const answer = await replicas[replica]?.authorize(subject.question, { timeoutMs: CHECK_TIMEOUT_MS });
    if (answer === undefined) throw new RangeError(`there is no replica ${replica}`);
    const end = now();
    // Whoever acts on an answer looks at `allowed`; the reason is for people.
    const name = answer.allowed ? 'ALLOWED' : nameOf(answer.reason);
    return { replica, start, end, answer: name, decisionId: answer.decisionId };
  } catch (error) {
    if (!isTransient(error)) throw error;
    return { replica, start, end: now(), answer: 'NO_ANSWER', decisionId: '' };
  }
}

const NAMES = new Map(Object.entries(keyV1.DecisionReason).map(([name, value]) => [value as string, name]));
const nameOf = (reason: keyV1.DecisionReason): string => NAMES.get(reason) ?? reason;
