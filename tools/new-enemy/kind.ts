import { type keyV1 } from '@latchkey/proto';
import { type Api, type Tenant } from '@latchkey/testing';

/** Where races of a kind take place: a tenant of their own. */
export interface World {
  readonly api: Api;
  readonly tenant: Tenant;
}

/** Something that is allowed, acknowledged so, and can be taken away. */
export interface Subject {
  readonly question: Pick<keyV1.AuthorizeRequest, 'key' | 'permission'> & Partial<keyV1.AuthorizeRequest>;
  /** What the mutation changes, `kind:id` as services announce it. */
  readonly changes: string;
  /** Takes the permission away. */
  revoke(requestId: string): Promise<unknown>;
}

/** A kind of mutation. */
export interface Kind {
  readonly name: string;
  /** What a check is refused with afterwards. */
  readonly refusal: keyof typeof keyV1.DecisionReason;
  /** Makes what each race needs once; answers how to make the next subject. */
  open(world: World): Promise<() => Promise<Subject>>;
}
