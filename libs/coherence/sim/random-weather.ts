import { type Leg, type Weather } from './network';
import { type Random } from './random';
import { type Timeline } from './timeline';

interface Cut {
  readonly name: string;
  readonly from: number;
  readonly until: number;
  /** Which way is closed: a half-open link delivers requests and loses answers, or the other way round. */
  readonly leg: 'both' | 'request' | 'answer';
}

/** Losses, reordering, delays up to seconds, partitions; all drawn from the seed. */
export class RandomWeather implements Weather {
  readonly #random: Random;
  readonly #timeline: Timeline;
  readonly #loss: number;
  readonly #slow: number;
  readonly #verySlow: number;
  readonly #redisLoss: number;
  readonly #slowFacts: number;
  /** From here on the weather is fine. */
  readonly #duration: number;
  readonly cuts: Cut[] = [];
  readonly #ambushed = new Map<string, { readonly duration: number; readonly sprung: () => void }>();

  constructor(random: Random, timeline: Timeline, names: readonly string[], duration: number) {
    this.#random = random;
    this.#timeline = timeline;
    this.#duration = duration;
    this.#loss = random.pick([0, 0, 0.01, 0.03]);
    this.#slow = random.pick([0, 0.1, 0.25]);
    this.#verySlow = random.pick([0, 0.005, 0.02]);
    this.#slowFacts = random.pick([0.02, 0.1, 0.3]);
    this.#redisLoss = random.pick([0, 0.2, 1]);
    for (const name of names) {
      for (let i = 0; i < 2; i++) {
        if (!random.chance(0.25)) continue;
        const from = random.between(0, duration);
        const leg = random.pick(['both', 'request', 'answer'] as const);
        this.cuts.push({ name, from, until: from + random.between(100, 2_500), leg });
      }
    }
  }

  /** Cuts this machine off right after its next poll: then its lease lasts as long as it can. */
  ambush(name: string, duration: number, sprung: () => void): void {
    this.#ambushed.set(name, { duration, sprung });
  }

  delay(leg: Leg): number | undefined {
    const random = this.#random;
    if (this.#timeline.now >= this.#duration) return random.between(0.3, 8);
    const ambush = leg.what === 'poll' && leg.leg === 'answer' ? this.#ambushed.get(leg.to) : undefined;
    if (ambush !== undefined && !this.#cutOff(leg)) {
      const { now } = this.#timeline;
      this.#ambushed.delete(leg.to);
      this.cuts.push({ name: leg.to, from: now, until: now + ambush.duration, leg: 'both' });
      this.#timeline.after(0, ambush.sprung);
      return random.between(0.3, 5);
    }
    if (leg.leg === 'message') {
      const lost = leg.what === 'events' || leg.what === 'applied' ? this.#redisLoss : this.#loss / 40;
      if (random.chance(lost)) return undefined;
    } else if (this.#cutOff(leg) || random.chance(this.#loss)) return undefined;
    if (leg.what === 'facts' && leg.leg === 'answer' && random.chance(this.#slowFacts)) return random.between(20, 300);
    if (random.chance(this.#verySlow)) return random.between(300, 3_500);
    return random.chance(this.#slow) ? random.between(20, 300) : random.between(0.3, 8);
  }

  #cutOff({ from, to, leg }: Leg): boolean {
    const { now } = this.#timeline;
    return this.cuts.some(
      (cut) =>
        (cut.name === from || cut.name === to) &&
        now >= cut.from &&
        now < cut.until &&
        (cut.leg === 'both' || cut.leg === leg),
    );
  }
}
