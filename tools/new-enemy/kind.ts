import { type keyV1 } from '@latchkey/proto';
import { type Api, type Tenant } from '@latchkey/testing';

/** Where races of a kind take place: a tenant of their own. */
export interface World {
  /** Goes to every replica in turn. */
  readonly api: Api;
  /** The same, as the worker. */
  readonly worker: Api;
  readonly tenant: Tenant;
}

export type Question = Pick<keyV1.AuthorizeRequest, 'key' | 'permission'> & Partial<keyV1.AuthorizeRequest>;

/** Something that is allowed, acknowledged so, and can be taken away. */
export interface Subject {
  /** All of them allowed until the mutation, and refused once it holds. */
  readonly questions: readonly Question[];
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
  /**
   * What a check that started before the acknowledgement may be refused with as well: where a mutation changes several
   * entities, some of them may be remembered from before it and others read after it, until it is acknowledged.
   */
  readonly refusalMeanwhile?: keyof typeof keyV1.DecisionReason;
  /** Makes what each race needs once; answers how to make the next subject. */
  open(world: World): Promise<() => Promise<Subject>>;
}

/** In the workspace editor's role, not in the viewer's. */
export const EDITING = [
  'projects:create',
  'runs:create',
  'runs:share',
  'runs:delete',
  'datasets:create',
  'datasets:update',
  'datasets:delete',
  'prompts:create',
  'prompts:update',
  'rules:create',
] as const;

/** Different questions about one key in the tenant's workspace, or in another. */
export function questionsAbout(
  key: string,
  { workspaceId }: Pick<Tenant, 'workspaceId'>,
  permissions: readonly string[] = EDITING,
): Question[] {
  return permissions.map((permission) => ({ key, permission, workspaceId }));
}
