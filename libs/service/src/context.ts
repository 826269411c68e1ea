import { deadlineExceeded } from './lifetime';
import { type Logger } from './logger';

/** On whose behalf a call is made, as audit entries name it. Absent fields do not apply. */
export interface AuditActor {
  readonly userId?: string;
  readonly principalId?: string;
  readonly keyId?: string;
}

/** What every handler is given beside the request. */
export interface CallContext {
  /** `latchkey.identity.v1.MemberService/AddMember`. */
  readonly rpc: string;
  /** The service on the other end, the name in its certificate: `ops`. */
  readonly caller: string;
  /** When the answer is worthless, epoch milliseconds: the client's deadline or the server's own limit, the sooner. */
  readonly deadline: number;
  /** Aborted at the deadline and when the client hangs up; its reason is an AppError. */
  readonly signal: AbortSignal;
  /** The request's `request_id`, '' without one. */
  readonly requestId: string;
  /** SHA-256 of the request's bytes, hex: tells a repeat of a request_id from its re-use. '' where nothing is changed. */
  readonly requestDigest: string;
  /** Carries rpc, caller and trace id. */
  readonly log: Logger;
  /** The W3C header, when the caller sent a valid one; client() passes it on. */
  readonly traceparent: string | undefined;
  /** undefined for calls between services. */
  readonly actor: AuditActor | undefined;
}

/** Of a rule that lets in a person whom a front end has signed in. */
export interface UserContext extends CallContext {
  readonly userId: string;
}

/** Of a rule that lets in a principal of the organization that the request names. */
export interface PrincipalContext extends CallContext {
  readonly principal: Principal;
}

export interface Principal {
  readonly organizationId: string;
  /** A mem_ or svc_ id. */
  readonly principalId: string;
  /** '' for a service account. */
  readonly userId: string;
  /** '' for a person whom a front end has signed in. */
  readonly keyId: string;
  readonly viaKey: boolean;
  /** Whether the key is narrowed to less than its member may: it then grants nothing. */
  readonly narrowed: boolean;
}

/** Who the call claims to act for; nothing about it is checked yet. */
export type Credential =
  { readonly kind: 'user'; readonly userId: string } | { readonly kind: 'key'; readonly secret: string };

export interface GuardScope {
  readonly organizationId: string;
  readonly workspaceId?: string;
}

export interface GuardOutcome {
  readonly allowed: boolean;
  /** A name of latchkey.key.v1.DecisionReason without its prefix: 'ALLOWED', 'KEY_EXPIRED', … */
  readonly reason: string;
  /** Known keys and members only. */
  readonly principal?: Principal;
}

/** Decides about actors. Each app brings one: key decides in process, the others ask key. */
export interface Guard {
  authorize(credential: Credential, permission: string, scope: GuardScope, ctx: CallContext): Promise<GuardOutcome>;
  /** Who is it, in this organization? No permission is asked for; `reason` is 'ALLOWED' when the actor may act at all. */
  identify(
    credential: Credential,
    organizationId: string,
    ctx: CallContext,
  ): Promise<Pick<GuardOutcome, 'reason' | 'principal'>>;
}

/** What an audit entry says about a principal. */
export function actorOf(principal: Principal): AuditActor {
  return {
    principalId: principal.principalId,
    ...(principal.userId && { userId: principal.userId }),
    ...(principal.keyId && { keyId: principal.keyId }),
  };
}

/** For work that no call asked for (a relay, a reconciler): the process itself is the caller, and there is no actor. */
export function systemContext(
  name: string,
  { log, timeoutMs, signal }: { readonly log: Logger; readonly timeoutMs: number; readonly signal?: AbortSignal },
): CallContext {
  const timeout = new AbortController();
  setTimeout(() => timeout.abort(deadlineExceeded()), timeoutMs).unref();
  return {
    rpc: name,
    caller: name,
    deadline: Date.now() + timeoutMs,
    signal: signal ? AbortSignal.any([signal, timeout.signal]) : timeout.signal,
    requestId: '',
    requestDigest: '',
    log,
    traceparent: undefined,
    actor: undefined,
  };
}
