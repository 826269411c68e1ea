export { BUILT_IN_ROLE_IDS } from './built-in-roles';
export { checkKey, checkPrincipal, decide, type HeldFacts, heldPermissions, isOrganizationAdmin } from './decide';
export {
  type BindingFact,
  type CatalogueFact,
  type Decision,
  DEFAULT_LEGACY_SUNSET,
  type Entry,
  type Facts,
  type KeyFact,
  type OrganizationFact,
  type PrincipalFact,
  type Question,
  type Reason,
  type Refusal,
  type RoleFact,
  type Roles,
  type Scope,
  type WorkspaceFact,
  type WorkspaceRoles,
} from './facts';
export { type Granter, type GrantScope, mayGrant, missingToGrant } from './may-grant';
export { MAX_PERMISSION_NUMBER, PermissionSet } from './permission-set';
