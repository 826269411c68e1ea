import { AppError } from './errors';
import {
  actorOf,
  type AuditActor,
  type CallContext,
  type Credential,
  type Guard,
  type GuardOutcome,
  type GuardScope,
  type PrincipalContext,
  type UserContext,
} from './context';
import {
  actorRequired,
  bearerRefused,
  callerNotAllowed,
  callerNotFrontEnd,
  organizationNotFound,
  refusal,
  scopeRequired,
} from './refusals';

/** Who may call an RPC. Asked twice: about the caller before the request is looked at, about the actor after. */
export interface Rule<C extends CallContext, Req = unknown> {
  readonly description: RuleDescription;
  readonly refusesCaller: (call: Claim) => AppError | undefined;
  readonly admit: (request: Req, ctx: CallContext, call: Claim) => Admission<C> | Promise<Admission<C>>;
}

export interface RuleDescription {
  readonly kind: 'callerOnly' | 'signedInUser' | 'selfUser' | 'self' | 'permission';
  readonly needsGuard: boolean;
  readonly callers?: readonly string[];
  readonly permission?: string;
  readonly fields?: ScopeFields;
}

export interface Claim {
  readonly caller: string;
  readonly credential: Credential | undefined;
  readonly frontEnds: ReadonlySet<string>;
  readonly guard: Guard | undefined;
}

export type Admission<C> =
  | { readonly ok: true; readonly ctx: C }
  /** `actor` when it is known and belongs to where it was refused: then the refusal belongs into the audit trail. */
  | { readonly ok: false; readonly error: AppError; readonly actor?: AuditActor };

interface ScopeFields {
  readonly organization: string;
  readonly workspace?: string;
  readonly workspaces?: string;
}

type Fields = Readonly<Record<string, string | readonly string[]>>;
type Has<Name extends string, Value> = { readonly [N in Name]: Value };

/** Between services; there is no actor. No names: nobody. */
export function callerOnly(...names: string[]): Rule<CallContext> {
  const allowed = new Set(names);
  return {
    description: { kind: 'callerOnly', needsGuard: false, callers: names },
    refusesCaller: ({ caller }) => (allowed.has(caller) ? undefined : callerNotAllowed(caller)),
    admit: (_request, ctx) => ({ ok: true, ctx }),
  };
}

/** A person whom a front end has signed in, member of nothing yet. A key is refused (BEARER_REFUSED). */
export function signedInUser(): Rule<UserContext> {
  return person('signedInUser');
}

/** A person whom a front end has signed in, acting on the own account; the handler compares `ctx.userId`. */
export function selfUser(): Rule<UserContext> {
  return person('selfUser');
}

/** The actor's own objects in an organization: any live principal of it, with `permission` where one is given. */
export function self<const Organization extends string>(options: {
  readonly organization: Organization;
  readonly permission?: string;
  /** Whether a key may do it. Default true. */
  readonly bearer?: boolean;
}): Rule<PrincipalContext, Has<Organization, string>> {
  const { permission, bearer = true } = options;
  return {
    description: {
      kind: 'self',
      needsGuard: true,
      ...(permission && { permission }),
      fields: { organization: options.organization },
    },
    refusesCaller: assertionRefused,
    admit: async (request, ctx, claim) => {
      const { credential } = claim;
      const organizationId = request[options.organization];
      if (!organizationId) return { ok: false, error: scopeRequired(snakeCase(options.organization)) };
      if (!credential) return { ok: false, error: actorRequired() };
      const guard = guardOf(claim);
      const scope = { organizationId };
      const keyRefused = credential.kind === 'key' && !bearer;
      if (permission && !keyRefused) {
        return settled(await guard.authorize(credential, permission, scope, ctx), credential, scope, permission, ctx);
      }
      // A key is identified even where none may act, so that the trail says which key tried.
      const who = await guard.identify(credential, organizationId, ctx);
      const known = settled({ ...who, allowed: who.reason === 'ALLOWED' }, credential, scope, undefined, ctx);
      if (!known.ok || !keyRefused) return known;
      return { ok: false, error: bearerRefused(), actor: actorOf(known.ctx.principal) };
    },
  };
}

/** A principal that holds the permission in the scope which the request names; in all of `workspaces`, if that is given. */
export function permission<const O extends string, const W extends string>(
  name: string,
  fields: { readonly organization: O; readonly workspace: W },
): Rule<PrincipalContext, Has<O | W, string>>;
export function permission<const O extends string, const W extends string>(
  name: string,
  fields: { readonly organization: O; readonly workspaces: W },
): Rule<PrincipalContext, Has<O, string> & Has<W, readonly string[]>>;
export function permission<const O extends string>(
  name: string,
  fields: { readonly organization: O },
): Rule<PrincipalContext, Has<O, string>>;
export function permission(name: string, fields: ScopeFields): Rule<PrincipalContext, Fields> {
  return {
    description: { kind: 'permission', needsGuard: true, permission: name, fields },
    refusesCaller: assertionRefused,
    admit: async (request, ctx, claim) => {
      const scopes = scopesOf(request, fields);
      if ('error' in scopes) return scopes;
      const { credential } = claim;
      if (!credential) return { ok: false, error: actorRequired() };
      const guard = guardOf(claim);
      let admission: Admission<PrincipalContext> | undefined;
      for (const scope of scopes.list) {
        admission = settled(await guard.authorize(credential, name, scope, ctx), credential, scope, name, ctx);
        if (!admission.ok) return admission;
      }
      return admission ?? { ok: false, error: scopeRequired(snakeCase(fields.workspaces ?? fields.organization)) };
    },
  };
}

/**
 * A principal that holds the permission in every workspace of an object that only its record knows. Who belongs to the
 * organization is settled before the record is read.
 * @param options.workspacesOf answers at least one workspace; throws an AppError when there is no such object
 */
export function permissionOn<const O extends string, Req extends Has<O, string>>(
  name: string,
  options: {
    readonly organization: O;
    readonly workspacesOf: (request: Req, ctx: CallContext) => Promise<readonly string[]>;
  },
): Rule<PrincipalContext, Req> {
  const fields: ScopeFields = { organization: options.organization };
  return {
    description: { kind: 'permission', needsGuard: true, permission: name, fields },
    refusesCaller: assertionRefused,
    admit: async (request, ctx, claim) => {
      const organizationId = request[options.organization];
      if (!organizationId) return { ok: false, error: scopeRequired(snakeCase(options.organization)) };
      const { credential } = claim;
      if (!credential) return { ok: false, error: actorRequired() };
      const guard = guardOf(claim);
      const who = await guard.identify(credential, organizationId, ctx);
      const known = settled(
        { ...who, allowed: who.reason === 'ALLOWED' },
        credential,
        { organizationId },
        undefined,
        ctx,
      );
      if (!known.ok) return known;
      let workspaceIds: readonly string[];
      try {
        workspaceIds = await options.workspacesOf(request, ctx);
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        return { ok: false, error, actor: actorOf(known.ctx.principal) };
      }
      // None is not "no limits".
      if (workspaceIds.length === 0) throw new Error('an object without workspaces has nobody who may act on it');
      for (const workspaceId of workspaceIds) {
        const scope = { organizationId, workspaceId };
        const held = settled(await guard.authorize(credential, name, scope, ctx), credential, scope, name, ctx);
        if (!held.ok) return held;
      }
      return known;
    },
  };
}

function person(kind: 'signedInUser' | 'selfUser'): Rule<UserContext> {
  return {
    description: { kind, needsGuard: false },
    refusesCaller: assertionRefused,
    admit: (_request, ctx, { credential }) => {
      if (!credential) return { ok: false, error: actorRequired() };
      if (credential.kind === 'key') return { ok: false, error: bearerRefused() };
      const { userId } = credential;
      return { ok: true, ctx: { ...ctx, userId, actor: { userId } } };
    },
  };
}

function assertionRefused({ caller, credential, frontEnds }: Claim): AppError | undefined {
  return credential?.kind === 'user' && !frontEnds.has(caller) ? callerNotFrontEnd(caller) : undefined;
}

function guardOf({ guard }: Claim): Guard {
  if (!guard) throw new Error('a rule that needs a guard was mounted without one');
  return guard;
}

function settled(
  outcome: GuardOutcome,
  credential: Credential,
  scope: GuardScope,
  permission: string | undefined,
  ctx: CallContext,
): Admission<PrincipalContext> {
  const { principal } = outcome;
  // A guard that answers for another organization is not believed, whatever it says.
  const home = principal?.organizationId === scope.organizationId ? principal : undefined;
  if (outcome.allowed && home) return { ok: true, ctx: { ...ctx, principal: home, actor: actorOf(home) } };
  if (outcome.allowed && !principal) throw new Error('the guard allowed somebody whom it does not name');
  const error = outcome.allowed
    ? organizationNotFound(scope.organizationId)
    : refusal(outcome, credential, scope, permission);
  return home ? { ok: false, error, actor: actorOf(home) } : { ok: false, error };
}

function scopesOf(
  request: Fields,
  fields: ScopeFields,
): { readonly list: readonly GuardScope[] } | { readonly ok: false; readonly error: AppError } {
  const values = (field: string): readonly string[] => [...new Set([request[field] ?? []].flat())];
  const names = [fields.organization, fields.workspace, fields.workspaces].filter((field) => field !== undefined);
  const empty = names.find((field) => values(field).length === 0 || values(field).includes(''));
  if (empty) return { ok: false, error: scopeRequired(snakeCase(empty)) };
  const [organizationId = ''] = values(fields.organization);
  const workspaceIds = [fields.workspace, fields.workspaces].flatMap((field) => (field ? values(field) : []));
  if (workspaceIds.length === 0) return { list: [{ organizationId }] };
  return { list: workspaceIds.map((workspaceId) => ({ organizationId, workspaceId })) };
}

const snakeCase = (camelCase: string): string => camelCase.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
