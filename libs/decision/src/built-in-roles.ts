/**
 * The ids of the built-in roles: the same in every deployment, so that services and clients can name them without a
 * look-up. What each of them holds is the catalogue's business, not this file's.
 */
export const BUILT_IN_ROLE_IDS = {
  ORGANIZATION_ADMIN: 'role_0000000000e008000000000001',
  ORGANIZATION_OPERATOR: 'role_0000000000e008000000000002',
  ORGANIZATION_USER: 'role_0000000000e008000000000003',
  ORGANIZATION_VIEWER: 'role_0000000000e008000000000004',
  WORKSPACE_ADMIN: 'role_0000000000e008000000000005',
  WORKSPACE_EDITOR: 'role_0000000000e008000000000006',
  WORKSPACE_VIEWER: 'role_0000000000e008000000000007',
} as const;
