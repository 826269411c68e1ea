import { type Mutations } from '@latchkey/coherence';
import { type keyV1, type roleV1 } from '@latchkey/proto';
import { type Logger, type PromisedClient } from '@latchkey/service';
import { type IdentityConfig } from './config';
import { type DeletionStore } from './deletion-store';
import { type MemberStore } from './member-store';
import { type OrganizationStore } from './organization-store';
import { type UserStore } from './user-store';
import { type WorkspaceStore } from './workspace-store';

export type BindingClient = PromisedClient<typeof roleV1.BindingServiceClient>;

/** What the handlers work with; built once, in app.ts. */
export interface Deps {
  readonly log: Logger;
  readonly config: Pick<IdentityConfig, 'frontEnds' | 'followUpDelayMs' | 'seatClosingMs'>;
  readonly organizations: OrganizationStore;
  readonly workspaces: WorkspaceStore;
  readonly users: UserStore;
  readonly members: MemberStore;
  readonly deletions: DeletionStore;
  readonly mutations: Mutations;
  /** Whatever roles and seats people have is role's business. */
  readonly bindings: Pick<
    BindingClient,
    'bindPrincipal' | 'removePrincipal' | 'removeWorkspace' | 'closeSeat' | 'reopenSeat'
  >;
  /** Which keys act in a workspace is key's business. */
  readonly serviceKeys: Pick<PromisedClient<typeof keyV1.ServiceKeyServiceClient>, 'removeWorkspace'>;
}
