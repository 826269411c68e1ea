import {
  checkKey,
  type Entry,
  type Facts,
  type OrganizationFact,
  type Question,
  type RoleFact,
  type WorkspaceFact,
} from '@latchkey/decision';
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
  const organization = known.getOrganization(organizationId);
  const catalogue = depth === 'decision' ? known.getCatalogue() : NO_CATALOGUE;
  const principal = key.kind === 'PERSONAL' ? known.getMember(key.principalId) : serviceAccountFact(key);
  const workspace = depth === 'decision' ? workspaceOf(known, question) : undefined;
  const { binding, roles } = heldBy(known, key.principalId, question, depth);
  return {
    facts: {
      entry: { kind: 'key', key: key.narrowedTo ? keyFact(key, hash, catalogue) : bare },
      organization: legacySunset !== undefined && organization ? { ...organization, legacySunset } : organization,
      principal,
      workspace,
      catalogue,
      binding,
      roles,
    },
    key,
  };
}

/** The same for a person whom a front end has signed in; the chain is entered at the membership. */
export function factsByUser(known: Known, userId: string, question: Question, depth: Depth): Facts {
  const entry: Entry = { kind: 'user', userId };
  if (!isId('org', question.organizationId)) return refused(entry);
  const principal = known.findMember(question.organizationId, userId);
  return {
    entry,
    organization: known.getOrganization(question.organizationId),
    principal,
    workspace: depth === 'decision' ? workspaceOf(known, question) : undefined,
    catalogue: depth === 'decision' ? known.getCatalogue() : NO_CATALOGUE,
    ...(principal ? heldBy(known, principal.id, question, depth) : { roles: NO_ROLES }),
  };
}

/** The binding, and of its roles those that count for the question. */
function heldBy(known: Known, principalId: string, question: Question, depth: Depth): Pick<Facts, 'binding' | 'roles'> {
  const binding = known.getBinding(principalId);
  if (binding === undefined || depth === 'liveness') return { binding, roles: NO_ROLES };
  const roles = new Map<string, RoleFact>();
  for (const id of [binding.organizationRoleId, binding.workspaceRoles.get(question.workspaceId)]) {
    const role = id ? known.getRole(id) : undefined;
    // A role that is gone grants nothing.
    if (id && role) roles.set(id, role);
  }
  return { binding, roles };
}

const NO_ROLES: ReadonlyMap<string, RoleFact> = new Map();

/** What cannot be an id is the id of nothing: nothing is read for it, and the answer is the same. */
function workspaceOf(known: Known, question: Question): WorkspaceFact | undefined {
  return isId('ws', question.workspaceId) ? known.getWorkspace(question.workspaceId) : undefined;
}

function refused(entry: Entry): Facts {
  return { entry, roles: NO_ROLES, catalogue: NO_CATALOGUE };
}

const IDS = { org: idPattern('org'), ws: idPattern('ws') };

function idPattern(prefix: string): RegExp {
  return new RegExp(`^${prefix}_[0-7][0-9a-hjkmnp-tv-z]{25}$`);
}

function isId(prefix: keyof typeof IDS, value: string): boolean {
  return IDS[prefix].test(value);
}
