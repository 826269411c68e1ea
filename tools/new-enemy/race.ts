import { setTimeout as sleep } from 'node:timers/promises';
import { now } from './clock';
import { type Faults } from './faults';
import { type RaceRecord } from './history';
import { type Kind, type Subject } from './kind';
import { type Lookout, type Sight } from './lookout';
import { type Observer } from './observer';
import { untilAnswered, untilDone } from './patience';
import { between, type Random } from './random';

/** How long an observer may take to see that it is allowed; a replica that is gone races without us. */
const WARM_LIMIT_MS = 3_000;
const WARM_PAUSE_MS = 25;
/** How long checks go on before the mutation is called, and after it is acknowledged, ms. */
const BEFORE_MS = [1, 15] as const;
const AFTER_MS = [10, 40] as const;

/** Of races beside faults, how many wait for the next one. The others go as they come, so also in the middle of one. */
const SHARE_AT_A_FAULT = 0.75;

/** Who asks, what breaks meanwhile, and what chance says. */
export interface Surroundings {
  readonly lookout: Lookout;
  readonly faults: Faults;
  readonly random: Random;
}

/** Races one mutation against checks by every observer; resolves when all of them are answered. */
export async function runRace(
  kind: Kind,
  number: number,
  prepare: () => Promise<Subject>,
  { lookout, faults, random }: Surroundings,
): Promise<RaceRecord> {
  const subject = await untilDone(prepare);
  const sight = lookout.watch(subject.questions);
  let record: Omit<RaceRecord, 'checks'>;
  try {
    await Promise.all(lookout.observers.map((observer) => untilAllowed(sight, observer)));
    if (random() < SHARE_AT_A_FAULT) {
      // Checks of the time until then race nothing.
      sight.pause();
      await faults.next();
      sight.resume();
    }
    await sleep(between(random, ...BEFORE_MS));
    const [begun, wall] = [now(), Date.now()];
    const { attempts } = await untilAnswered((requestId) => subject.revoke(requestId));
    const acknowledged = now();
    // The earliest checks that have to see it: the others may be waiting for answers.
    const probes = lookout.observers.map((observer) => sight.ask(observer));
    await Promise.all([sleep(between(random, ...AFTER_MS)), ...probes]);
    const { name, refusal, refusalMeanwhile } = kind;
    const { changes } = subject;
    record = { kind: name, number, subject: changes, refusal, refusalMeanwhile, begun, wall, acknowledged, attempts };
  } finally {
    await sight.end();
  }
  return { ...record, checks: sight.checks };
}

async function untilAllowed(sight: Sight, observer: Observer): Promise<void> {
  const end = now() + WARM_LIMIT_MS;
  const allowed = async (): Promise<boolean> => (await sight.ask(observer)).every(({ answer }) => answer === 'ALLOWED');
  while (!(await allowed()) && now() < end) await sleep(WARM_PAUSE_MS);
}
