import { identityV1 } from '@latchkey/proto';

export interface WorkspaceRow {
  /** A ws_ id. */
  _id: string;
  organizationId: string;
  name: string;
  state: 'ACTIVE' | 'DELETED';
  /** Unique; a tombstone has none, so that its name is free again. */
  liveKey?: string;
  createTime: Date;
}

/** What must be unique: the name within the organization, in any case. */
export function workspaceKey(organizationId: string, name: string): string {
  return `${organizationId}:${name.toLowerCase()}`;
}

export function toWorkspace(row: WorkspaceRow): identityV1.Workspace {
  return {
    id: row._id,
    organizationId: row.organizationId,
    name: row.name,
    state: identityV1.WorkspaceState[row.state],
    createTime: row.createTime,
  };
}

export function workspaceFact(row: WorkspaceRow): identityV1.WorkspaceFact {
  return { workspaceId: row._id, organizationId: row.organizationId, active: row.state === 'ACTIVE' };
}
