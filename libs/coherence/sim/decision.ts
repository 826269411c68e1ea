import { type Attempt, type Evaluate } from '../src/protocol';
import { areEqual, type Fact, keyOfHash, type World } from './world';

/** What a check was told, and from which versions. */
export interface Answer {
  readonly allowed: boolean;
  /** The versions it was decided from. */
  readonly used: readonly Fact[];
  /** Set where the hash was unknown. */
  readonly unknown?: string;
}

/** The chain of the real product in small: hash → key → member → role. */
export function deciding(hash: string, databaseTime: () => number | undefined): Evaluate<Fact, Answer> {
  return (view): Attempt<Answer> => {
    const key = view.byHash(hash);
    if (key === undefined) return { missing: { by: 'hash', hash } };
    if (key === null) return { answer: { allowed: false, used: [], unknown: hash } };
    const parity = Number(key.id.slice(1)) % 2;
    const used = [key.value];
    let from = key;
    for (const [kind, id] of [
      ['member', `m${parity}`],
      ['role', `r${parity}`],
    ] as const) {
      const found = view.byLink(from, kind, id);
      if (!found) return { missing: { by: 'id', kind, id } };
      used.push(found.value);
      from = found;
    }
    const now = databaseTime();
    const { expires } = key.value.state;
    // Unknown database time counts as late: without it, nothing that expires can be accepted.
    const expired = expires !== undefined && (now === undefined || now >= expires);
    return { answer: { allowed: !expired && used.every(({ state }) => state.on), used } };
  };
}

export interface Violation {
  readonly at: number;
  readonly where: string;
  readonly what: string;
}

/** What is wrong with an answer to a check that began when `since` was acknowledged and the database's clock said `began`. */
export function judge(world: World, answer: Answer, since: readonly number[], began: number, slack: number) {
  const versions = answer.used.map(({ slot, version }) => `${world.nameOf(slot)} v${version}`).join(', ');
  for (const { slot, version, state } of answer.used) {
    const made = world.stateOf(slot, version);
    if (!made || !areEqual(made, state))
      return `impossible: ${world.nameOf(slot)} v${version} ${JSON.stringify(state)}`;
    if (version < since[slot]!) return `stale: from ${versions}; acknowledged ${world.nameOf(slot)} v${since[slot]}`;
    const together = world.together(slot, version);
    for (const other of answer.used) {
      if (other.version < together[other.slot]!) return `impossible: ${versions} never were true together`;
    }
  }
  if (answer.unknown !== undefined) {
    const { unknown: hash } = answer;
    const slot = world.slotOf(keyOfHash(hash));
    const missing = world.statesFrom(slot, since[slot]!).some((state) => !state.on || state.hash !== hash);
    if (!missing) return `stale: ${hash} unknown; acknowledged ${world.nameOf(slot)} v${since[slot]} knows it`;
  }
  const expires = answer.used[0]?.state.expires ?? Infinity;
  if (answer.allowed && began > expires + slack) return `accepted ${(began - expires).toFixed(0)} ms after its expiry`;
  return undefined;
}
