import {
  type BindingFact,
  type CatalogueFact,
  type OrganizationFact,
  type PrincipalFact,
  type RoleFact,
  type WorkspaceFact,
} from '@latchkey/decision';
import { type CallContext } from '@latchkey/service';
import { type KeyRecord } from './key';

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
