import { type As, CallError } from '@latchkey/testing';
import { AUDIT_CASE, IDENTITY_CASES, KEY_CASES, ROLE_CASES, type RpcCase } from './rpc-matrix/cases';
import { CONTRACT_RPCS, type Method, openMethod } from './rpc-matrix/contract';
import { buildWorld, type Objects, type World } from './rpc-matrix/world';

type Service = 'identity' | 'role' | 'key';

/** Everybody who has a certificate. */
const CALLERS = ['identity', 'role', 'key', 'worker', 'ops', 'stranger'];

/** Well-formed ids that no object has. */
const ABSENT_SUFFIX = '01h00000000000000000000000';
const PREFIX: Record<keyof Objects, string> = {
  organizationId: 'org',
  workspaceId: 'ws',
  memberId: 'mem',
  roleId: 'role',
  tokenId: 'pat',
  keyId: 'key',
  deletionId: 'del',
  userId: 'user',
};
const KIND: Record<string, keyof Objects> = {
  workspaceIds: 'workspaceId',
  principalId: 'memberId',
  organizationRoleId: 'roleId',
};

let world: World;
beforeAll(async () => {
  world = await buildWorld();
}, 120_000);
afterAll(() => world?.suite.stop(), 60_000);

const CASES: [string, Service, RpcCase][] = [
  ...IDENTITY_CASES.map((entry): [string, Service, RpcCase] => [entry.rpc, 'identity', entry]),
  ...ROLE_CASES.map((entry): [string, Service, RpcCase] => [entry.rpc, 'role', entry]),
  ...KEY_CASES.map((entry): [string, Service, RpcCase] => [entry.rpc, 'key', entry]),
  ...(['identity', 'role', 'key'] as const).map((service): [string, Service, RpcCase] => [
    `${AUDIT_CASE.rpc} of ${service}`,
    service,
    AUDIT_CASE,
  ]),
];

test('the matrix tries every RPC of the contract', () => {
  expect([...new Set(CASES.map(([, , entry]) => entry.rpc))].sort()).toEqual([...CONTRACT_RPCS].sort());
});

describe.each(CASES)('%s', (_name, service, entry) => {
  const { rule } = entry;
  const onBehalf = 'caller' in rule ? undefined : (): As => world.tenant.admin.as;
  const caller = 'caller' in rule ? rule.caller : 'ops';
  const callers = [caller, ...('caller' in rule ? (rule.others ?? []) : [])];

  async function withMethod<T>(callerName: string | undefined, use: (method: Method) => Promise<T>): Promise<T> {
    const { endpoints, tls, pki } = world.suite;
    const files = callerName === undefined ? { ca: pki.files('ops').ca } : tls(callerName);
    const method = openMethod(entry.rpc, service, endpoints, files);
    try {
      return await use(method);
    } finally {
      method.close();
    }
  }

  async function refusal(callerName: string | undefined, request: object, as: As | undefined): Promise<CallError> {
    const outcome = await withMethod(callerName, (method) =>
      method.call(request, { as, timeoutMs: 10_000 }).then(
        (answer) => answer,
        (error: unknown) => error,
      ),
    );
    expect(outcome).toBeInstanceOf(CallError);
    return outcome as CallError;
  }

  test('answers a well-formed request', async () => {
    for (const name of callers) {
      await withMethod(name, async (method) => {
        await method.call(await entry.request(world), { as: onBehalf?.() });
      });
    }
  });

  test('names every malformed field, and the rule it breaks', async () => {
    const request = await entry.request(world);
    await withMethod(caller, async (method) => {
      for (const field of method.fields) {
        const broken = method.malform(request, field);
        if (!broken) throw new Error(`no value of ${field.name} breaks a rule: has the field none?`);
        const error = await refusal(caller, broken, onBehalf?.());
        expect([field.name, error.code, error.reason]).toEqual([field.name, 'INVALID_ARGUMENT', 'INVALID_REQUEST']);
        expect(error.violations.map((violation) => violation.field).join()).toContain(field.name);
        expect(error.violations.every((violation) => violation.rule !== '')).toBe(true);
      }
    });
  });

  test('is out of reach without a client certificate', async () => {
    const error = await refusal(undefined, await entry.request(world), onBehalf?.());
    expect(error.code).toBe('UNAVAILABLE');
  });

  test('refuses every other caller', async () => {
    const reason = 'caller' in rule ? 'CALLER_NOT_ALLOWED' : 'CALLER_NOT_FRONT_END';
    const request = await entry.request(world);
    for (const other of CALLERS.filter((name) => !callers.includes(name))) {
      const error = await refusal(other, request, onBehalf?.());
      expect([other, error.code, error.reason]).toEqual([other, 'PERMISSION_DENIED', reason]);
    }
  });

  if (!('caller' in rule)) {
    test('refuses a call on nobody’s behalf', async () => {
      const error = await refusal('ops', await entry.request(world), undefined);
      expect([error.code, error.reason]).toEqual(['UNAUTHENTICATED', 'ACTOR_REQUIRED']);
    });
  }

  const permission =
    'permission' in rule ? rule.permission : 'self' in rule && rule.self !== true ? rule.self : undefined;
  if (permission !== undefined) {
    test(`refuses an actor without ${permission}, and names it`, async () => {
      const error = await refusal('ops', await entry.request(world), world.nobody.as);
      expect([error.code, error.reason, error.metadata.permission]).toEqual([
        'PERMISSION_DENIED',
        'PERMISSION_MISSING',
        permission,
      ]);
    });
  }

  for (const [field, reason] of Object.entries(entry.absent ?? {})) {
    test(`answers alike for an absent ${field} and another tenant’s`, async () => {
      const kind = KIND[field] ?? (field as keyof Objects);
      const naming = async (id: string): Promise<CallError> => {
        const value = field === 'workspaceIds' ? [id] : id;
        return refusal(caller, { ...(await entry.request(world)), [field]: value }, onBehalf?.());
      };
      const absentId = `${PREFIX[kind]}_${ABSENT_SUFFIX}`;
      const absent = await naming(absentId);
      expect([absent.code, absent.reason]).toEqual(['NOT_FOUND', reason]);
      // An account belongs to no tenant: another's is as good as ours.
      if (field === 'userId') return;
      const foreignId = world.theirs[kind];
      const foreign = await naming(foreignId);
      expect([foreign.code, foreign.reason]).toEqual([absent.code, absent.reason]);
      const told = ({ message, metadata }: CallError, id: string): string =>
        JSON.stringify([message, metadata]).replaceAll(id, '…');
      expect(told(foreign, foreignId)).toBe(told(absent, absentId));
    });
  }
});
