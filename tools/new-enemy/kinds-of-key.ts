import { createHash, randomBytes } from 'node:crypto';
import { BUILT_IN_ROLE_IDS } from '@latchkey/decision';
import { newToken } from '@latchkey/testing';
import { type Kind, questionsAbout, type World } from './kind';
import { untilAnswered } from './patience';

const { WORKSPACE_ADMIN, WORKSPACE_VIEWER } = BUILT_IN_ROLE_IDS;
const DAY_MS = 86_400_000;

interface OwnKey {
  id: string;
  secret: string;
}

/** What personal tokens and service keys have in common; the owner is the tenant's founder, who may everything. */
interface KeyMutations {
  readonly title: string;
  create(world: World): Promise<OwnKey>;
  remove(world: World, id: string, requestId: string): Promise<unknown>;
  disable(world: World, id: string, requestId: string): Promise<unknown>;
  enable(world: World, id: string, requestId: string): Promise<unknown>;
  /** At once, without overlap. The secret is empty in the answer to a repeat. */
  rotate(world: World, id: string, requestId: string): Promise<{ secret: string }>;
  /** To less than the question asks for, or back to all. */
  narrow(world: World, id: string, to: 'less' | 'all', requestId: string): Promise<unknown>;
  /** What narrowing changes. */
  narrowed(world: World, id: string): Promise<string>;
}

const asAdmin = ({ tenant }: World) => ({ as: tenant.admin.as });
const inTenant = ({ tenant }: World) => ({ organizationId: tenant.organizationId });

const PERSONAL_TOKENS: KeyMutations = {
  title: 'personal token',
  create: ({ api, tenant }) => newToken(api, tenant.organizationId, tenant.admin.as),
  remove: (world, tokenId, requestId) =>
    world.api.tokens.deletePersonalToken({ ...inTenant(world), tokenId, requestId }, asAdmin(world)),
  disable: (world, tokenId, requestId) =>
    world.api.tokens.disablePersonalToken({ ...inTenant(world), tokenId, requestId }, asAdmin(world)),
  enable: (world, tokenId, requestId) =>
    world.api.tokens.enablePersonalToken({ ...inTenant(world), tokenId, requestId }, asAdmin(world)),
  rotate: (world, tokenId, requestId) =>
    world.api.tokens.rotatePersonalToken({ ...inTenant(world), tokenId, requestId }, asAdmin(world)),
  narrow: (world, tokenId, to, requestId) => {
    const narrowing = { permissions: to === 'less' ? ['runs:read'] : [] };
    return world.api.tokens.updatePersonalToken({ ...inTenant(world), tokenId, narrowing, requestId }, asAdmin(world));
  },
  narrowed: (_world, id) => Promise.resolve(`key:${id}`),
};

const SERVICE_KEYS: KeyMutations = {
  title: 'service key',
  async create(world) {
    const workspaceIds = [world.tenant.workspaceId];
    const request = { ...inTenant(world), name: 'bot', workspaceIds };
    const { key, secret } = await world.api.serviceKeys.createServiceKey(request, asAdmin(world));
    return { id: key?.id ?? '', secret };
  },
  remove: (world, keyId, requestId) =>
    world.api.serviceKeys.deleteServiceKey({ ...inTenant(world), keyId, requestId }, asAdmin(world)),
  disable: (world, keyId, requestId) =>
    world.api.serviceKeys.disableServiceKey({ ...inTenant(world), keyId, requestId }, asAdmin(world)),
  enable: (world, keyId, requestId) =>
    world.api.serviceKeys.enableServiceKey({ ...inTenant(world), keyId, requestId }, asAdmin(world)),
  rotate: (world, keyId, requestId) =>
    world.api.serviceKeys.rotateServiceKey({ ...inTenant(world), keyId, requestId }, asAdmin(world)),
  narrow: (world, keyId, to, requestId) => {
    const roleId = to === 'less' ? WORKSPACE_VIEWER : WORKSPACE_ADMIN;
    return world.api.serviceKeys.updateServiceKey({ ...inTenant(world), keyId, roleId, requestId }, asAdmin(world));
  },
  async narrowed(world, keyId) {
    const { key } = await world.api.serviceKeys.getServiceKey({ ...inTenant(world), keyId }, asAdmin(world));
    return `binding:${key?.serviceAccountId}`;
  },
};

function kindsOf(keys: KeyMutations): Kind[] {
  return [
    {
      name: `${keys.title} deleted`,
      refusal: 'KEY_REVOKED',
      open: (world) =>
        Promise.resolve(async () => {
          const { id, secret } = await keys.create(world);
          const revoke = (requestId: string) => keys.remove(world, id, requestId);
          return { questions: questionsAbout(secret, world.tenant), changes: `key:${id}`, revoke };
        }),
    },
    {
      name: `${keys.title} disabled`,
      refusal: 'KEY_DISABLED',
      async open(world) {
        const { id, secret } = await keys.create(world);
        return async () => {
          await untilAnswered((requestId) => keys.enable(world, id, requestId));
          const revoke = (requestId: string) => keys.disable(world, id, requestId);
          return { questions: questionsAbout(secret, world.tenant), changes: `key:${id}`, revoke };
        };
      },
    },
    {
      name: `${keys.title} rotated`,
      refusal: 'KEY_ROTATED_OUT',
      async open(world) {
        let next: OwnKey | undefined;
        return async () => {
          const { id, secret } = next ?? (await keys.create(world));
          next = undefined;
          const revoke = async (requestId: string): Promise<void> => {
            const rotated = await keys.rotate(world, id, requestId);
            // Lost with the answer to an attempt before: the next race takes a new key.
            next = rotated.secret === '' ? undefined : { id, secret: rotated.secret };
          };
          return { questions: questionsAbout(secret, world.tenant), changes: `key:${id}`, revoke };
        };
      },
    },
    {
      name: `${keys.title} narrowed`,
      refusal: 'PERMISSION_MISSING',
      async open(world) {
        const { id, secret } = await keys.create(world);
        const changes = await keys.narrowed(world, id);
        return async () => {
          await untilAnswered((requestId) => keys.narrow(world, id, 'all', requestId));
          const revoke = (requestId: string) => keys.narrow(world, id, 'less', requestId);
          return { questions: questionsAbout(secret, world.tenant), changes, revoke };
        };
      },
    },
  ];
}

/** Of what an organization can set, the end of its legacy keys is what decisions read. */
const LEGACY_SUNSET: Kind = {
  name: 'organization setting changed',
  refusal: 'LEGACY_KEY_SUNSET',
  async open(world) {
    const { api, tenant } = world;
    const { organizationId, workspaceId } = tenant;
    const secret = `ls__${randomBytes(16).toString('hex')}`;
    const keys = [{ sha256: createHash('sha256').update(secret).digest('hex'), name: 'old' }];
    await api.legacyKeys.importLegacyKeys({ organizationId, workspaceId, keys }, asAdmin(world));
    const move = (requestId: string, sunsetTime: Date) =>
      api.legacyKeys.setLegacySunset({ organizationId, sunsetTime, requestId }, asAdmin(world));
    return async () => {
      const now = Date.now();
      await untilAnswered((requestId) => move(requestId, new Date(now + DAY_MS)));
      return {
        questions: questionsAbout(secret, tenant),
        changes: `sunset:${organizationId}`,
        revoke: (requestId) => move(requestId, new Date(now - DAY_MS)),
      };
    };
  },
};

/** Mutations of the key service. */
export const KINDS_OF_KEY: readonly Kind[] = [...kindsOf(PERSONAL_TOKENS), ...kindsOf(SERVICE_KEYS), LEGACY_SUNSET];
