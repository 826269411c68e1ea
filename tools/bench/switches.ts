// Mutations that a check shows: what each of them takes from the holder of a key, it gives back.
import { BUILT_IN_ROLE_IDS } from '@latchkey/decision';
import { type keyV1 } from '@latchkey/proto';
import { newRole, type Promised } from '@latchkey/testing';
import { type KeyHolder, type World } from './suite';

/** What a holder of {@link newHolder} may do, and what is taken. */
export const ASKED = 'projects:read';
/** Keeps a role from being empty. */
const OTHER = 'runs:read';

export interface Switch {
  readonly secret: string;
  readonly take: () => Promise<unknown>;
  readonly give: () => Promise<unknown>;
}

type OpenSwitch = (
  world: World,
  holder: KeyHolder,
  tokens: Promised<keyV1.PersonalTokenServiceClient>,
) => Promise<Switch> | Switch;

/** Told as a delta; what the other kinds change is read anew by every replica. */
const ofToken: OpenSwitch = ({ organizationId }, { tokenId, secret, as }, tokens) => ({
  secret,
  take: () => tokens.disablePersonalToken({ organizationId, tokenId }, { as }),
  give: () => tokens.enablePersonalToken({ organizationId, tokenId }, { as }),
});

const ofRole: OpenSwitch = async (world, holder) => {
  const { api, organizationId, admin } = world;
  const roleId = await newRole(world.api, world, [ASKED, OTHER]);
  await setRole(world, holder, roleId);
  const set = (permissions: string[]) =>
    api.roles.updateRole({ organizationId, roleId, permissions }, { as: admin.as });
  return { secret: holder.secret, take: () => set([OTHER]), give: () => set([ASKED, OTHER]) };
};

const ofBinding: OpenSwitch = async (world, holder) => {
  const without = await newRole(world.api, world, [OTHER]);
  return {
    secret: holder.secret,
    take: () => setRole(world, holder, without),
    give: () => setRole(world, holder, BUILT_IN_ROLE_IDS.WORKSPACE_VIEWER),
  };
};

const ofMember: OpenSwitch = ({ api, organizationId, admin }, { memberId, secret }) => ({
  secret,
  take: () => api.members.suspendMember({ organizationId, memberId }, { as: admin.as }),
  give: () => api.members.reinstateMember({ organizationId, memberId }, { as: admin.as }),
});

/** By turns; two of three are of a token. */
export const SWITCHES: readonly OpenSwitch[] = [
  ofToken,
  ofToken,
  ofRole,
  ofToken,
  ofToken,
  ofBinding,
  ofToken,
  ofToken,
  ofMember,
];

function setRole(
  { api, organizationId, workspaceId, admin }: World,
  { memberId }: KeyHolder,
  roleId: string,
): Promise<unknown> {
  return api.bindings.setWorkspaceRole({ organizationId, workspaceId, memberId, roleId }, { as: admin.as });
}
