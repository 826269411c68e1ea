import {
  CATALOGUE_ID,
  type Entity,
  type EntityKind,
  type FillResult,
  membershipHash,
  type Subject,
} from '@latchkey/coherence';
import { type OrganizationFact } from '@latchkey/decision';
import { SharedIds, type Value, type Values } from '@latchkey/facts';
import { type CallContext } from '@latchkey/service';
import { type FactSource, type Organization } from './fact-source';
import { hashesOf, knownKey, versionOf } from './key';

/** Reads what memory lacks from whoever owns it. */
export function fillFrom(source: FactSource, context: () => CallContext) {
  const ids = new SharedIds();
  return async (subject: Subject): Promise<FillResult<Value>> => {
    const ctx = context();
    if (subject.by === 'hash') return await byHash(source, subject.hash, ids, ctx);
    const { id } = subject;
    const kind = entityKind(subject.kind);
    const value = await byId(source, kind, id, ctx);
    return value === undefined ? absent(subject) : found(ids, { kind, id, hashes: [], value });
  };
}

async function byId(source: FactSource, kind: EntityKind, id: string, ctx: CallContext): Promise<Value | undefined> {
  switch (kind) {
    case 'sunset':
      return (await source.findLegacySunset(id))?.getTime();
    case 'organization':
      return organizationFact(await source.getOrganization(id, ctx));
    case 'member':
      return await source.getMember(id, ctx);
    case 'workspace':
      return await source.getWorkspace(id, ctx);
    case 'binding':
      return await source.getBinding(id, ctx);
    case 'role':
      return await source.getRole(id, ctx);
    case 'catalogue':
      return id === CATALOGUE_ID ? await source.getCatalogue(ctx) : undefined;
    case 'key':
      throw new Error('keys are found by hash');
  }
}

/** Whether it is a key that is looked for, by the hash of whatever was presented. */
export function looksUpKey(subject: Subject): boolean {
  return subject.by === 'hash' && !subject.hash.includes('/');
}

/** A membership by its person, or a key by its secret; no hash of the one looks like one of the other. */
async function byHash(source: FactSource, hash: string, ids: SharedIds, ctx: CallContext): Promise<FillResult<Value>> {
  const [organizationId = '', userId] = hash.split('/');
  const subject: Subject = { by: 'hash', hash };
  if (userId !== undefined) {
    const member = await source.findMember(organizationId, userId, ctx);
    const hashes = [membershipHash(organizationId, userId)];
    return member ? found(ids, { kind: 'member', id: member.id, hashes, value: member }) : absent(subject);
  }
  const key = await source.findKey(hash);
  if (!key) return absent(subject);
  return found(ids, {
    kind: 'key',
    id: key._id,
    hashes: hashesOf(key),
    value: knownKey(key),
    version: versionOf(key),
  });
}

/** Only what decisions depend on is remembered. */
function organizationFact(found: Organization | undefined): OrganizationFact | undefined {
  return found && { id: found.id, state: found.state };
}

interface Read<K extends EntityKind> extends Omit<Entity<Values[K]>, 'within'> {
  readonly kind: K;
}

function found<K extends EntityKind>(ids: SharedIds, read: Read<K>): FillResult<Value> {
  const value = ids.sharing(read.kind, read.id, read.value);
  return { entities: [{ ...read, within: [], value }], absent: [] };
}

function absent(subject: Subject): FillResult<Value> {
  return { entities: [], absent: [subject] };
}

const KINDS: ReadonlySet<string> = new Set<EntityKind>([
  'sunset',
  'organization',
  'member',
  'workspace',
  'binding',
  'role',
  'catalogue',
]);

function entityKind(kind: string): EntityKind {
  if (!KINDS.has(kind)) throw new Error(`nothing of kind ${kind} can be read by id`);
  return kind as EntityKind;
}
