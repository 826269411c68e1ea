import { identityV1 } from '@latchkey/proto';

export interface OrganizationRow {
  /** An org_ id. */
  _id: string;
  displayName: string;
  /** CREATING and DELETED authorize nothing. */
  state: 'CREATING' | 'ACTIVE' | 'DELETED';
  founderMemberId: string;
  createTime: Date;
}

export function toOrganization(row: OrganizationRow): identityV1.Organization {
  return {
    id: row._id,
    displayName: row.displayName,
    state: identityV1.OrganizationState[row.state],
    createTime: row.createTime,
    founderMemberId: row.founderMemberId,
  };
}

export function organizationFact(row: OrganizationRow): identityV1.OrganizationFact {
  return { organizationId: row._id, active: row.state === 'ACTIVE' };
}
