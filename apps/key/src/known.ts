import { type Attempt, CATALOGUE_ID, membershipHash, type Subject, type View } from '@latchkey/coherence';
import {
  type BindingFact,
  type CatalogueFact,
  type OrganizationFact,
  type PrincipalFact,
  type RoleFact,
  type WorkspaceFact,
} from '@latchkey/decision';
import { type KeyRecord } from './key';

/** What is remembered, by kind of entity. */
export interface Values {
  key: KeyRecord;
  sunset: Date;
  organization: OrganizationFact;
  member: PrincipalFact;
  workspace: WorkspaceFact;
  binding: BindingFact;
  role: RoleFact;
  catalogue: CatalogueFact;
}

export type Value = Values[keyof Values];

/** The facts that are in memory at this moment; undefined is known to be absent. */
export interface Known {
  findKey(hash: string): KeyRecord | undefined;
  /** When the organization's legacy keys end; undefined where nobody has moved it. */
  findLegacySunset(organizationId: string): Date | undefined;
  getOrganization(organizationId: string): OrganizationFact | undefined;
  getMember(memberId: string): PrincipalFact | undefined;
  /** The live membership of a person. */
  findMember(organizationId: string, userId: string): PrincipalFact | undefined;
  getWorkspace(workspaceId: string): WorkspaceFact | undefined;
  getBinding(principalId: string): BindingFact | undefined;
  getRole(roleId: string): RoleFact | undefined;
  getCatalogue(): CatalogueFact;
}

/** Thrown to the one place below that turns it into a fill: a decision cannot go on without this. */
class NotInMemory extends Error {
  constructor(readonly subject: Subject) {
    super('not in memory');
  }
}

/** One synchronous turn over what is in memory: the answer, or the first thing that is not. */
export function fromMemory<A>(view: View<Value>, decide: (known: Known) => A): Attempt<A> {
  try {
    return { answer: decide(knownIn(view)) };
  } catch (error) {
    if (error instanceof NotInMemory) return { missing: error.subject };
    throw error;
  }
}

function knownIn(view: View<Value>): Known {
  // Whatever stands under a kind was put there under that kind, see fill.ts.
  const byId = <K extends keyof Values>(kind: K, id: string): Values[K] | undefined => {
    const found = view.byId(kind, id);
    if (found === undefined) throw new NotInMemory({ by: 'id', kind, id });
    return found?.value as Values[K] | undefined;
  };
  const byHash = <K extends keyof Values>(hash: string): Values[K] | undefined => {
    const found = view.byHash(hash);
    if (found === undefined) throw new NotInMemory({ by: 'hash', hash });
    return found?.value as Values[K] | undefined;
  };
  return {
    findKey: (hash) => byHash<'key'>(hash),
    findLegacySunset: (organizationId) => byId('sunset', organizationId),
    getOrganization: (organizationId) => byId('organization', organizationId),
    getMember: (memberId) => byId('member', memberId),
    findMember: (organizationId, userId) => byHash<'member'>(membershipHash(organizationId, userId)),
    getWorkspace: (workspaceId) => byId('workspace', workspaceId),
    getBinding: (principalId) => byId('binding', principalId),
    getRole: (roleId) => byId('role', roleId),
    getCatalogue: () => byId('catalogue', CATALOGUE_ID) ?? NO_CATALOGUE,
  };
}

export const NO_CATALOGUE: CatalogueFact = { version: 0, permissions: new Map() };
