import {
  type BindingFact,
  checkKey,
  type Entry,
  type Facts,
  type OrganizationFact,
  type Question,
  type RoleFact,
  type Roles,
} from '@latchkey/decision';
import { isId } from './ids';
import { type Known, NO_CATALOGUE } from './known';
import { keyFact, type KnownKey, serviceAccountFact } from './values';

/** How far to load: `liveness` is enough to say who somebody is, `decision` to say what they may. */
export type Depth = 'liveness' | 'decision';

/** Facts, and the key where one was found. */
export interface Loaded {
  readonly facts: Facts;
  readonly key?: KnownKey;
}

/** Everything that a decision about the holder of a key is made of; only what its own state leaves to be asked. */
export function factsByKey(known: Known, hash: string, question: Question, depth: Depth, nowMs: number): Loaded {
  const key = known.findKey(hash);
  if (key === undefined) return { facts: refused({ kind: 'key', key: undefined }) };
  const { organizationId } = key;
  const legacySunset = key.kind === 'LEGACY' ? known.findLegacySunset(organizationId) : undefined;
  // A dead key needs no other service to be refused, and must not wait for one.
  const bare = keyFact(key, hash, NO_CATALOGUE);
  if (checkKey(bare, nowMs, legacySunset)) {
    const organization: OrganizationFact = { id: organizationId, state: 'ACTIVE', legacySunset };
    return { facts: { ...refused({ kind: 'key', key: bare }), organization }, key };
  }
  const principal = key.kind === 'PERSONAL' ? known.getMember(key.principalId) : serviceAccountFact(key);
  const binding = known.getBinding(key.principalId);
  const organization = known.getOrganization(organizationId);
  const catalogue = depth === 'decision' ? known.getCatalogue() : NO_CATALOGUE;
  const workspace = depth === 'decision' ? known.getWorkspace(question.workspaceId) : undefined;
  return {
    facts: {
      entry: { kind: 'key', key: key.narrowedTo ? keyFact(key, hash, catalogue) : bare },
      organization: legacySunset !== undefined && organization ? { ...organization, legacySunset } : organization,
      principal,
      workspace,
      catalogue,
      binding,
      roles: rolesIn(known, binding, question, depth),
    },
    key,
  };
}

/** The same for a person whom a front end has signed in; the chain is entered at the membership. */
export function factsByUser(known: Known, userId: string, question: Question, depth: Depth): Facts {
  const entry: Entry = { kind: 'user', userId };
  if (!isId('org', question.organizationId)) return refused(entry);
  const principal = known.findMember(question.organizationId, userId);
  const binding = principal && known.getBinding(principal.id);
  return {
    entry,
    principal,
    binding,
    organization: known.getOrganization(question.organizationId),
    catalogue: depth === 'decision' ? known.getCatalogue() : NO_CATALOGUE,
    workspace: depth === 'decision' ? known.getWorkspace(question.workspaceId) : undefined,
    roles: rolesIn(known, binding, question, depth),
  };
}

/** Of the binding's roles those that count for the question. */
function rolesIn(known: Known, binding: BindingFact | undefined, question: Question, depth: Depth): Roles {
  if (binding === undefined || depth === 'liveness') return NO_ROLES;
  const { organizationRoleId: wide, workspaceRoles } = binding;
  const here = workspaceRoles.get(question.workspaceId);
  // A role that is gone grants nothing.
  return new HeldRoles(wide, wide && known.getRole(wide), here, here && known.getRole(here));
}

/** The two roles that can count for one question, instead of a map of them for each. */
class HeldRoles implements Roles {
  constructor(
    private readonly wideId: string | undefined,
    private readonly wide: RoleFact | '' | undefined,
    private readonly hereId: string | undefined,
    private readonly here: RoleFact | '' | undefined,
  ) {}

  get(id: string): RoleFact | undefined {
    const found = id === this.wideId ? this.wide : id === this.hereId ? this.here : undefined;
    return found || undefined;
  }
}

const NO_ROLES: Roles = new Map();

function refused(entry: Entry): Facts {
  return { entry, roles: NO_ROLES, catalogue: NO_CATALOGUE };
}
