import { identityV1 } from '@latchkey/proto';

export interface OrganizationRow {
  /** An org_ id. */
  _id: string;
  displayName: string;
  /** CREATING and DELETED authorize nothing. */
  state: 'CREATING' | 'ACTIVE' | 'DELETED';
  founderMemberId: string;
  createTime: Date;
  settings: OrganizationSettings;
  /** Counts the changes of name and settings. */
  version: number;
}

/** See the message of this name. */
export interface OrganizationSettings {
  delegateServiceKeys: boolean;
  personalTokensDisabled: boolean;
}

export const NEW_SETTINGS: OrganizationSettings = { delegateServiceKeys: false, personalTokensDisabled: false };

type Changeable = Pick<OrganizationRow, 'displayName' | 'settings'>;

/** The fields of an update in which the two differ. */
export function changedFields(before: Changeable, after: Changeable): string[] {
  const [was, is] = [before.settings, after.settings];
  return [
    ...(was.delegateServiceKeys === is.delegateServiceKeys ? [] : ['delegate_service_keys']),
    ...(before.displayName === after.displayName ? [] : ['display_name']),
    ...(was.personalTokensDisabled === is.personalTokensDisabled ? [] : ['personal_tokens_disabled']),
  ];
}

export function toOrganization(row: OrganizationRow): identityV1.Organization {
  return {
    id: row._id,
    displayName: row.displayName,
    state: identityV1.OrganizationState[row.state],
    createTime: row.createTime,
    founderMemberId: row.founderMemberId,
    etag: String(row.version),
    settings: { ...row.settings },
  };
}

export function organizationFact(row: OrganizationRow): identityV1.OrganizationFact {
  return { organizationId: row._id, active: row.state === 'ACTIVE', ...row.settings };
}
