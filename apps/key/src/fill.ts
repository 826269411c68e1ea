import { CATALOGUE_ID, type EntityKind, type FillResult, membershipHash, type Subject } from '@latchkey/coherence';
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
    const { kind, id } = subject;
    return result(subject, entityKind(kind), id, [], await byId(source, entityKind(kind), id, ctx), ids);
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
    return result(subject, 'member', member?.id ?? '', [membershipHash(organizationId, userId)], member, ids);
  }
  const key = await source.findKey(hash);
  return result(
    subject,
    'key',
    key?._id ?? '',
    key ? hashesOf(key) : [],
    key && knownKey(key),
    ids,
    key && versionOf(key),
  );
}

/** Only what decisions depend on is remembered. */
function organizationFact(found: Organization | undefined): OrganizationFact | undefined {
  return found && { id: found.id, state: found.state };
}

function result<K extends EntityKind>(
  subject: Subject,
  kind: K,
  id: string,
  hashes: readonly string[],
  value: Values[K] | undefined,
  ids: SharedIds,
  version?: number,
): FillResult<Value> {
  if (value === undefined) return { entities: [], absent: [subject] };
  return { entities: [{ kind, id, hashes, within: [], value: ids.sharing(kind, id, value), version }], absent: [] };
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
