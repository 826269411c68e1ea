import {
  type BindingFact,
  type CatalogueFact,
  checkKey,
  type Entry,
  type Facts,
  type OrganizationFact,
  type PrincipalFact,
  type Question,
  type RoleFact,
  type WorkspaceFact,
} from '@latchkey/decision';
import { type CallContext } from '@latchkey/service';
import { keyFact, type KeyRecord, serviceAccountFact } from './key';
import { type Known, NO_CATALOGUE } from './known';

/**
 * Where facts come from. Every read is fresh: it sees whatever was acknowledged before it began. What is absent is
 * undefined; an owner that cannot be reached is an error (UNAVAILABLE), never an absence.
 */
export interface FactSource {
  findKey(hash: string): Promise<KeyRecord | undefined>;
  /** When the organization's legacy keys end; undefined where nobody has moved it. */
  findLegacySunset(organizationId: string): Promise<Date | undefined>;
  getOrganization(organizationId: string, ctx: CallContext): Promise<Organization | undefined>;
  getMember(memberId: string, ctx: CallContext): Promise<PrincipalFact | undefined>;
  /** The live membership of a person. */
  findMember(organizationId: string, userId: string, ctx: CallContext): Promise<PrincipalFact | undefined>;
  getWorkspace(workspaceId: string, ctx: CallContext): Promise<WorkspaceFact | undefined>;
  getBinding(principalId: string, ctx: CallContext): Promise<BindingFact | undefined>;
  getRole(roleId: string, ctx: CallContext): Promise<RoleFact | undefined>;
  getCatalogue(ctx: CallContext): Promise<CatalogueFact>;
}

/** An organization, with what its administrators have chosen and no decision depends on. */
export interface Organization extends OrganizationFact {
  /** Whether nobody may create personal tokens. Absent: no. */
  readonly personalTokensDisabled?: boolean;
}

/** How far to load: `liveness` is enough to say who somebody is, `decision` to say what they may. */
export type Depth = 'liveness' | 'decision';

/** Facts, and the key's record where a key was found. */
export interface Loaded {
  readonly facts: Facts;
  readonly record?: KeyRecord;
}

/** Everything that a decision about the holder of a key is made of; only what its own state leaves to be asked. */
export function factsByKey(known: Known, hash: string, question: Question, depth: Depth, nowMs: number): Loaded {
  const record = known.findKey(hash);
  if (record === undefined) return { facts: refused({ kind: 'key', key: undefined }) };
  const { organizationId } = record;
  const sunset = record.origin === 'LEGACY' ? known.findLegacySunset(organizationId) : undefined;
  // A dead key needs no other service to be refused, and must not wait for one.
  const bare = keyFact(record, hash, NO_CATALOGUE);
  if (checkKey(bare, nowMs, sunset?.getTime())) {
    const organization: OrganizationFact = { id: organizationId, state: 'ACTIVE', legacySunset: sunset?.getTime() };
    return { facts: { ...refused({ kind: 'key', key: bare }), organization }, record };
  }
  const organization = known.getOrganization(organizationId);
  const catalogue = depth === 'decision' ? known.getCatalogue() : NO_CATALOGUE;
  return {
    facts: {
      entry: { kind: 'key', key: record.permissions ? keyFact(record, hash, catalogue) : bare },
      organization: sunset && organization ? { ...organization, legacySunset: sunset.getTime() } : organization,
      principal: record.kind === 'SERVICE' ? serviceAccountFact(record) : known.getMember(record.principalId),
      workspace: depth === 'decision' ? workspaceOf(known, question) : undefined,
      catalogue,
      ...heldBy(known, record.principalId, question, depth),
    },
    record,
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

const SUFFIX = /^[0-7][0-9a-hjkmnp-tv-z]{25}$/;

function isId(prefix: string, value: string): boolean {
  return value.startsWith(`${prefix}_`) && SUFFIX.test(value.slice(prefix.length + 1));
}
