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

/**
 * Where facts come from. Every read is fresh: it sees whatever was acknowledged before it began. What is absent is
 * undefined; an owner that cannot be reached is an error (UNAVAILABLE), never an absence.
 */
export interface FactSource {
  findKey(hash: string): Promise<KeyRecord | undefined>;
  /** When the organization's legacy keys end; undefined where nobody has moved it. */
  findLegacySunset(organizationId: string): Promise<Date | undefined>;
  getOrganization(organizationId: string, ctx: CallContext): Promise<OrganizationFact | undefined>;
  getMember(memberId: string, ctx: CallContext): Promise<PrincipalFact | undefined>;
  /** The live membership of a person. */
  findMember(organizationId: string, userId: string, ctx: CallContext): Promise<PrincipalFact | undefined>;
  getWorkspace(workspaceId: string, ctx: CallContext): Promise<WorkspaceFact | undefined>;
  getBinding(principalId: string, ctx: CallContext): Promise<BindingFact | undefined>;
  getRole(roleId: string, ctx: CallContext): Promise<RoleFact | undefined>;
  getCatalogue(ctx: CallContext): Promise<CatalogueFact>;
}

/** How far to load: `liveness` is enough to say who somebody is, `decision` to say what they may. */
export type Depth = 'liveness' | 'decision';

/** Facts, and the key's record where a key was found. */
export interface Loaded {
  readonly facts: Facts;
  readonly record?: KeyRecord;
}

const NO_CATALOGUE: CatalogueFact = { version: 0, permissions: new Map() };

/** Everything that a decision about the holder of a key is made of; only what its own state leaves to be asked. */
export async function loadByKey(
  source: FactSource,
  hash: string,
  question: Question,
  depth: Depth,
  nowMs: number,
  ctx: CallContext,
): Promise<Loaded> {
  const record = await source.findKey(hash);
  if (record === undefined) return { facts: refused({ kind: 'key', key: undefined }) };
  const { organizationId } = record;
  const sunset = record.origin === 'LEGACY' ? await source.findLegacySunset(organizationId) : undefined;
  // A dead key needs no other service to be refused, and must not wait for one.
  const bare = keyFact(record, NO_CATALOGUE);
  if (checkKey(bare, nowMs, sunset?.getTime())) {
    const organization: OrganizationFact = { id: organizationId, state: 'ACTIVE', legacySunset: sunset?.getTime() };
    return { facts: { ...refused({ kind: 'key', key: bare }), organization }, record };
  }
  const [organization, principal, workspace, catalogue, held] = await Promise.all([
    source.getOrganization(organizationId, ctx),
    record.kind === 'SERVICE' ? serviceAccountFact(record) : source.getMember(record.principalId, ctx),
    depth === 'decision' ? workspaceOf(source, question, ctx) : undefined,
    depth === 'decision' ? source.getCatalogue(ctx) : NO_CATALOGUE,
    loadHeld(source, record.principalId, question, depth, ctx),
  ]);
  return {
    facts: {
      entry: { kind: 'key', key: keyFact(record, catalogue) },
      organization: organization && { ...organization, legacySunset: sunset?.getTime() },
      principal,
      workspace,
      catalogue,
      ...held,
    },
    record,
  };
}

/** The same for a person whom a front end has signed in; the chain is entered at the membership. */
export async function loadByUser(
  source: FactSource,
  userId: string,
  question: Question,
  depth: Depth,
  ctx: CallContext,
): Promise<Facts> {
  const entry: Entry = { kind: 'user', userId };
  if (!isId('org', question.organizationId)) return refused(entry);
  const [organization, principal, workspace, catalogue] = await Promise.all([
    source.getOrganization(question.organizationId, ctx),
    source.findMember(question.organizationId, userId, ctx),
    depth === 'decision' ? workspaceOf(source, question, ctx) : undefined,
    depth === 'decision' ? source.getCatalogue(ctx) : NO_CATALOGUE,
  ]);
  const held = principal && (await loadHeld(source, principal.id, question, depth, ctx));
  return { entry, organization, principal, workspace, catalogue, roles: new Map(), ...held };
}

/** The binding, and of its roles those that count for the question. */
async function loadHeld(
  source: FactSource,
  principalId: string,
  question: Question,
  depth: Depth,
  ctx: CallContext,
): Promise<Pick<Facts, 'binding' | 'roles'>> {
  const binding = await source.getBinding(principalId, ctx);
  const named = [binding?.organizationRoleId, binding?.workspaceRoles.get(question.workspaceId)];
  const ids = depth === 'decision' ? [...new Set(named.filter((id): id is string => Boolean(id)))] : [];
  const roles = new Map<string, RoleFact>();
  const found = await Promise.all(ids.map((id) => source.getRole(id, ctx)));
  ids.forEach((id, i) => {
    const role = found[i];
    // A role that is gone grants nothing.
    if (role) roles.set(id, role);
  });
  return { binding, roles };
}

/** What cannot be an id is the id of nothing: no call is made for it, and the answer is the same. */
function workspaceOf(
  source: FactSource,
  question: Question,
  ctx: CallContext,
): Promise<WorkspaceFact | undefined> | undefined {
  return isId('ws', question.workspaceId) ? source.getWorkspace(question.workspaceId, ctx) : undefined;
}

function refused(entry: Entry): Facts {
  return { entry, roles: new Map(), catalogue: NO_CATALOGUE };
}

const SUFFIX = /^[0-7][0-9a-hjkmnp-tv-z]{25}$/;

function isId(prefix: string, value: string): boolean {
  return value.startsWith(`${prefix}_`) && SUFFIX.test(value.slice(prefix.length + 1));
}
