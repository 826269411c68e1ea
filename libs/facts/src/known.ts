import {
  type Attempt,
  CATALOGUE_ID,
  type Entity,
  type Found,
  membershipHash,
  type Subject,
  type View,
} from '@latchkey/coherence/sans-io';
import {
  type BindingFact,
  type CatalogueFact,
  type OrganizationFact,
  type PrincipalFact,
  type RoleFact,
  type WorkspaceFact,
} from '@latchkey/decision';
import { isId } from './ids';
import { type KnownKey, type Value, type Values } from './values';

/** Thrown to the one place below that turns it into a fill: a decision cannot go on without this. */
class NotInMemory extends Error {
  constructor(readonly subject: Subject) {
    super('not in memory');
  }
}

/** One synchronous turn over what is in memory: the answer, or the first thing that is not. */
export function fromMemory<A>(view: View<Value>, decide: (known: Known) => A): Attempt<A> {
  try {
    return { answer: decide(new Known(view)) };
  } catch (error) {
    if (error instanceof NotInMemory) return { missing: error.subject };
    throw error;
  }
}

/**
 * The facts that are in memory at this moment; undefined is known to be absent.
 *
 * Those of one principal are looked up by walking along links, from one to the next. That is quickest when they are asked for in
 * the same order always, with what many principals share at the end: what is shared can lead to one only.
 */
export class Known {
  readonly #view: View<Value>;
  /** Where the walk is. */
  #at: Entity<Value> | undefined;

  constructor(view: View<Value>) {
    this.#view = view;
  }

  findKey(hash: string): KnownKey | undefined {
    return this.#byHash<'key'>(hash);
  }

  /** When the organization's legacy keys end, epoch ms; undefined where nobody has moved it. */
  findLegacySunset(organizationId: string): number | undefined {
    return this.#byId('sunset', organizationId);
  }

  getOrganization(organizationId: string): OrganizationFact | undefined {
    return this.#next('organization', organizationId);
  }

  getMember(memberId: string): PrincipalFact | undefined {
    return this.#next('member', memberId);
  }

  /** The live membership of a person. */
  findMember(organizationId: string, userId: string): PrincipalFact | undefined {
    return this.#byHash<'member'>(membershipHash(organizationId, userId));
  }

  getWorkspace(workspaceId: string): WorkspaceFact | undefined {
    const found = this.#view.byId('workspace', workspaceId);
    // Callers choose it freely; but what is remembered is an id, and needs no look at its form.
    if (found === undefined && !isId('ws', workspaceId)) return undefined;
    return this.#there(found, 'workspace', workspaceId);
  }

  getBinding(principalId: string): BindingFact | undefined {
    return this.#next('binding', principalId);
  }

  getRole(roleId: string): RoleFact | undefined {
    return this.#byId('role', roleId);
  }

  getCatalogue(): CatalogueFact {
    return this.#next('catalogue', CATALOGUE_ID) ?? NO_CATALOGUE;
  }

  // Whatever stands under a kind was put there under that kind: by a service's fill, or by the decoder of the wire.
  #byId<K extends keyof Values>(kind: K, id: string): Values[K] | undefined {
    return this.#there(this.#view.byId(kind, id), kind, id);
  }

  #next<K extends keyof Values>(kind: K, id: string): Values[K] | undefined {
    const at = this.#at;
    const found = at ? this.#view.byLink(at, kind, id) : this.#view.byId(kind, id);
    if (found) this.#at = found;
    return this.#there(found, kind, id);
  }

  #there<K extends keyof Values>(found: Found<Value>, kind: K, id: string): Values[K] | undefined {
    if (found === undefined) throw new NotInMemory({ by: 'id', kind, id });
    return found?.value as Values[K] | undefined;
  }

  #byHash<K extends keyof Values>(hash: string): Values[K] | undefined {
    const found = this.#view.byHash(hash);
    if (found === undefined) throw new NotInMemory({ by: 'hash', hash });
    if (found) this.#at = found;
    return found?.value as Values[K] | undefined;
  }
}

export const NO_CATALOGUE: CatalogueFact = { version: 0, permissions: new Map() };
