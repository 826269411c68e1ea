import { type Ablations } from './ablations';
import { type Found, type View } from './entity-cache';
import { type FillResult } from './fills';
import { type Clock, type Entity, type Subject, subjectName } from './types';

/** One synchronous turn of a decision: the answer, or the first fact it could not find. */
export type Attempt<A> = { readonly answer: A } | { readonly missing: Subject };

/** Decides from memory alone, always from the beginning. */
export type Evaluate<V, A> = (view: View<V>, clock: Clock) => Attempt<A>;

export type Step<A> =
  | { readonly kind: 'answer'; readonly answer: A }
  | { readonly kind: 'wait'; readonly subject: Subject }
  /** No lease, or too many events met the fills: the caller may repeat. Never a stale answer. */
  | { readonly kind: 'unavailable'; readonly reason: 'NO_LEASE' | 'FACTS_UNREADABLE' | 'DISTURBED' };

/** Who may answer from memory, and whether at this moment. */
export interface Gate {
  mayServe(clock: Clock): boolean;
}

export interface CheckOptions {
  readonly maxRestarts: number;
  readonly ablations?: Ablations;
}

/** One check on its way to an answer. Between two steps lies an await, so each step starts at the key. */
export class Check<V, A> {
  readonly #evaluate: Evaluate<V, A>;
  readonly #gate: Gate;
  readonly #view: View<V>;
  readonly #options: CheckOptions;
  /** Only for the ablations: what earlier attempts found, which a correct check never looks at again. */
  readonly #kept = new Map<string, Found<V>>();
  #restarts = 0;

  constructor(evaluate: Evaluate<V, A>, gate: Gate, view: View<V>, options: CheckOptions) {
    this.#evaluate = evaluate;
    this.#gate = gate;
    this.#options = options;
    this.#view = options.ablations?.noRestart || options.ablations?.droppedFillAnswers ? this.#keeping(view) : view;
  }

  /** The first step, and every further one after the fill it waited for has been stored. */
  step(clock: Clock): Step<A> {
    if (!this.#gate.mayServe(clock)) return { kind: 'unavailable', reason: 'NO_LEASE' };
    const attempt = this.#evaluate(this.#view, clock);
    return 'answer' in attempt
      ? { kind: 'answer', answer: attempt.answer }
      : { kind: 'wait', subject: attempt.missing };
  }

  /** The next step after a fill has ended. A dropped one answers nobody, and is not tried for ever. */
  resume(outcome: 'stored' | 'dropped' | 'failed', result: FillResult<V> | undefined, clock: Clock): Step<A> {
    if (outcome === 'failed') return { kind: 'unavailable', reason: 'FACTS_UNREADABLE' };
    const { droppedFillAnswers, noRestart } = this.#options.ablations ?? {};
    if ((droppedFillAnswers && outcome === 'dropped') || (noRestart && outcome === 'stored')) this.#keep(result);
    if (outcome === 'dropped' && ++this.#restarts > this.#options.maxRestarts) {
      return { kind: 'unavailable', reason: 'DISTURBED' };
    }
    return this.step(clock);
  }

  #keep(result: FillResult<V> | undefined): void {
    for (const subject of result?.absent ?? []) this.#kept.set(subjectName(subject), null);
    for (const entity of result?.entities ?? []) for (const name of namesOf(entity)) this.#kept.set(name, entity);
  }

  #keeping(view: View<V>): View<V> {
    const find = (subject: Subject, look: () => Found<V>) => {
      const name = subjectName(subject);
      if (this.#kept.has(name)) return this.#kept.get(name);
      const found = look();
      if (this.#options.ablations?.noRestart && found !== undefined) this.#kept.set(name, found);
      return found;
    };
    return {
      byHash: (hash) => find({ by: 'hash', hash }, () => view.byHash(hash)),
      byId: (kind, id) => find({ by: 'id', kind, id }, () => view.byId(kind, id)),
      byLink: (from, kind, id) => find({ by: 'id', kind, id }, () => view.byLink(from, kind, id)),
    };
  }
}

function namesOf<V>({ kind, id, hashes }: Entity<V>): string[] {
  return [subjectName({ by: 'id', kind, id }), ...hashes.map((hash) => subjectName({ by: 'hash', hash }))];
}
