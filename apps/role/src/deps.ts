import { type Mutations } from '@latchkey/coherence';
import { type identityV1 } from '@latchkey/proto';
import { type PromisedClient } from '@latchkey/service';
import { type BindingStore } from './binding-store';
import { type CatalogueStore } from './catalogue-store';
import { type RoleStore } from './role-store';
import { type SeatStore } from './seat-store';

/** What RPCs work with; built once, in app.ts. */
export interface Deps {
  readonly mutations: Mutations;
  readonly catalogues: CatalogueStore;
  readonly roles: RoleStore;
  readonly bindings: BindingStore;
  readonly seats: SeatStore;
  /** Who and what is alive is identity's knowledge. */
  readonly identity: Pick<
    PromisedClient<typeof identityV1.FactServiceClient>,
    'getOrganizationFact' | 'getMemberFact' | 'getWorkspaceFact' | 'findMemberFact'
  >;
}
