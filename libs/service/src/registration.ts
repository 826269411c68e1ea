import type * as grpc from '@grpc/grpc-js';
import { contract, describedService, isMutation } from './contract';
import { type CallContext } from './context';
import { type AppError } from './errors';
import { type Logger } from './logger';
import { type Rule } from './rules';

/** One RPC: who may call it, and what it does. */
export interface RpcEntry<Req, Res> {
  readonly rule: Rule<CallContext, Req>;
  /** What it can say at once it says without a promise: then the call has neither timer nor listener. */
  readonly handle: (request: Req, ctx: CallContext) => Res | Promise<Res>;
}

/** One RPC that streams in both directions; between services only. */
export interface StreamEntry<Req, Res> {
  readonly rule: Rule<CallContext>;
  /** Begins a stream, whose caller the rule has let in. An AppError that it throws ends the stream. */
  readonly open: (peer: StreamPeer<Res>, about: StreamContext) => StreamHandler<Req>;
}

/** The other end. */
export interface StreamPeer<Res> {
  send(message: Res): void;
  /** Ends the stream; `closed` of the handler follows. */
  end(error?: AppError): void;
}

export interface StreamContext {
  /** The name in the caller's certificate. */
  readonly caller: string;
  readonly log: Logger;
}

/** What a stream does. An AppError thrown by it ends the stream. */
export interface StreamHandler<Req> {
  received(message: Req): void;
  /** The stream has lasted long enough and will be cut in a few seconds. */
  expiring(): void;
  /** It is over, for whatever reason; called once. */
  closed(): void;
}

type RequestOf<M> = M extends { requestDeserialize: (bytes: Buffer) => infer Req } ? Req : never;
type ResponseOf<M> = M extends { responseDeserialize: (bytes: Buffer) => infer Res } ? Res : never;

/**
 * A reader and a writer made by hand, for an RPC where reading its bytes costs more than answering it. The contract stays
 * the truth, and a property test holds them equal: what `read` answers, the generated code would have read and the
 * contract's rules let pass, and `write` gives the bytes that the generated code would have.
 */
export interface QuickCodec<Req, Res> {
  /** undefined for whatever it does not know, valid or not; the long way is then taken. */
  readonly read: (bytes: Buffer) => Req | undefined;
  readonly write: (response: Res) => Buffer | undefined;
}

/** An entry for every method of a generated service definition: `satisfies` makes a gap a type error. */
export type RpcTable<Definition> = {
  readonly [Method in keyof Definition]: Definition[Method] extends { requestStream: true; responseStream: true }
    ? StreamEntry<RequestOf<Definition[Method]>, ResponseOf<Definition[Method]>>
    : RpcEntry<RequestOf<Definition[Method]>, ResponseOf<Definition[Method]>>;
};

/** Codecs for those methods that have one. */
export type QuickCodecs<Definition> = {
  readonly [Method in keyof Definition]?: QuickCodec<RequestOf<Definition[Method]>, ResponseOf<Definition[Method]>>;
};

/** A service with its table, ready to be mounted. The types of its messages have done their work and are gone. */
export interface ServiceRegistration {
  /** `latchkey.identity.v1.MemberService`. */
  readonly name: string;
  readonly definition: grpc.ServiceDefinition;
  readonly table: Readonly<Record<string, RpcEntry<unknown, unknown> | StreamEntry<unknown, unknown> | undefined>>;
  readonly quick: Readonly<Record<string, QuickCodec<unknown, unknown> | undefined>>;
}

/** Binds a handler to its rule; the handler's context is the one that the rule provides. */
export function rpc<Req, Res, C extends CallContext>(
  rule: Rule<C, Req>,
  handler: (request: Req, ctx: C) => Res | Promise<Res>,
): RpcEntry<Req, Res> {
  // The adapter hands the handler exactly what this rule's admit() returned, which is a C.
  return { rule, handle: (request, ctx) => handler(request, ctx as C) };
}

/** Binds a stream to its rule, which has to be callerOnly. */
export function stream<Req, Res>(
  rule: Rule<CallContext>,
  open: (peer: StreamPeer<Res>, about: StreamContext) => StreamHandler<Req>,
): StreamEntry<Req, Res> {
  return { rule, open };
}

export function service<Definition extends grpc.ServiceDefinition>(
  definition: Definition,
  table: RpcTable<Definition>,
  quick: QuickCodecs<Definition> = {},
): ServiceRegistration {
  const path = Object.values(definition)[0]?.path ?? '';
  // The adapter decodes with the same definition that typed the table and the codecs.
  return {
    name: path.split('/')[1] ?? '',
    definition,
    table: table as unknown as ServiceRegistration['table'],
    quick: quick as unknown as ServiceRegistration['quick'],
  };
}

/** Methods of the named services that no registration has an entry for, as `service/Method`. */
export function unguarded(services: readonly string[], registrations: readonly ServiceRegistration[]): string[] {
  return services.flatMap((name) => {
    const registration = registrations.find((r) => r.name === name);
    return describedService(name)
      .methods.filter((method) => !registration?.table[method.localName])
      .map((method) => `${name}/${method.name}`);
  });
}

export interface RuleRow {
  readonly service: string;
  readonly method: string;
  readonly mutation: boolean;
  readonly rule: string;
  /** Names that callerOnly lists. */
  readonly callers: readonly string[];
  readonly permission: string | undefined;
  /** Request fields that the scope is taken from. */
  readonly scope: readonly string[];
}

/** Who may call what, one row per RPC, for tests that walk the contract and for documentation. */
export function describeRules(registrations: readonly ServiceRegistration[]): RuleRow[] {
  return registrations.flatMap(({ name, table }) =>
    describedService(name).methods.flatMap((method) => {
      const entry = table[method.localName];
      if (!entry) return [];
      const { kind, callers, permission, fields } = entry.rule.description;
      return {
        service: name,
        method: method.name,
        mutation: isMutation(method),
        rule: kind,
        callers: callers ?? [],
        permission,
        scope: Object.values(fields ?? {}),
      };
    }),
  );
}

/** Everything about the registrations that must not reach production, one sentence each. */
export function registrationProblems(registrations: readonly ServiceRegistration[], guarded: boolean): string[] {
  const names = registrations.map((r) => r.name);
  const problems = names.filter((name, i) => names.indexOf(name) !== i).map((name) => `${name} is mounted twice`);
  const known = names.filter((name) => contract().registry.getService(name));
  problems.push(...names.filter((name) => !known.includes(name)).map((name) => `${name} is not in the descriptor set`));
  problems.push(...unguarded(known, registrations).map((method) => `${method} has no rule`));
  for (const { name, table } of registrations.filter((r) => known.includes(r.name))) {
    for (const method of describedService(name).methods) {
      const where = `${name}/${method.name}`;
      const entry = table[method.localName];
      const description = entry?.rule.description;
      const served = entry && 'open' in entry ? 'bidi_streaming' : 'unary';
      if (method.methodKind !== served) problems.push(`${where} is ${method.methodKind}, and its entry ${served}`);
      if (served !== 'unary' && description?.kind !== 'callerOnly') problems.push(`${where} streams for an actor`);
      if (description?.needsGuard && !guarded) problems.push(`${where} needs a guard, and the server has none`);
      for (const field of Object.values(description?.fields ?? {})) {
        if (!method.input.fields.some((f) => f.localName === field)) {
          problems.push(`${where} takes its scope from ${field}, which ${method.input.name} does not have`);
        }
      }
    }
  }
  return problems;
}
