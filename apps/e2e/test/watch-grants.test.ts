import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ENTITY_KINDS } from '@latchkey/coherence';
import { BUILT_IN_ROLE_IDS } from '@latchkey/decision';
import { hashSecret, MINUTE_MS } from '@latchkey/facts';
import { keyV1 } from '@latchkey/proto';
import {
  CallError,
  eventually,
  newMember,
  newTenant,
  newToken,
  startTestSuite,
  type TestSuite,
} from '@latchkey/testing';
import * as grpc from '@grpc/grpc-js';

// The wire of WatchGrants, as a holder in another language would use it: without the SDK.

jest.setTimeout(120_000);

type Message = NonNullable<keyV1.WatchGrantsRequest['message']>;
type Answer = NonNullable<keyV1.WatchGrantsResponse['message']>;
type Values = { [Case in Answer['$case']]: Extract<Answer, { $case: Case }>['value'] };

let suite: TestSuite;
const open: { cancel(): void; client: grpc.Client }[] = [];
beforeAll(async () => {
  suite = await startTestSuite({ callers: ['stranger'], env: { all: { LATCHKEY_USAGE_FLUSH_MS: '200' } } });
}, 120_000);
afterEach(() => {
  for (const { cancel, client } of open.splice(0)) {
    cancel();
    client.close();
  }
});
afterAll(() => suite?.stop(), 60_000);

/** A stream of the caller; undefined: without a certificate. */
function watch(caller: string | null = 'ops') {
  const { ca, cert, key } = suite.tls(caller ?? 'ops');
  const credentials = caller
    ? grpc.credentials.createSsl(readFileSync(ca), readFileSync(key), readFileSync(cert))
    : grpc.credentials.createSsl(readFileSync(ca));
  const client = new keyV1.AuthorizationServiceClient(suite.addresses.key, credentials);
  const call = client.watchGrants({ deadline: Date.now() + 60_000 });
  const heard: Answer[] = [];
  let failure: CallError | undefined;
  call.on('data', ({ message }: keyV1.WatchGrantsResponse) => message && heard.push(message));
  call.on('error', (error: grpc.ServiceError) => (failure = new CallError('WatchGrants', error)));
  open.push({ cancel: () => call.cancel(), client });
  const until = async <Case extends Answer['$case']>(name: Case): Promise<Values[Case]> => {
    const answer = await eventually(() => {
      const place = heard.findIndex(({ $case }) => $case === name);
      if (place < 0) throw new Error(`no ${name} yet, but ${heard.map(({ $case }) => $case).join()}`);
      return heard.splice(place, 1)[0];
    });
    return answer?.value as Values[Case];
  };
  return {
    heard,
    until,
    say: (message: Message) => call.write({ message }),
    refusal: async () =>
      await eventually(() => {
        if (!failure) throw new Error('not refused yet');
        return failure;
      }),
  };
}

/** Each stream is of a process of its own: one that owed something has no sub-lease for a minute. */
const hello: Message = {
  $case: 'hello',
  value: {
    get process() {
      return `process-${randomBytes(8).toString('hex')}`;
    },
    kinds: [...ENTITY_KINDS],
  },
};
const renew = (number: number): Message => ({ $case: 'renew', value: { number: BigInt(number) } });
const fetchId = (kind: string, id: string): Message => ({
  $case: 'fetch',
  value: { by: { $case: 'id', value: { kind, id } } },
});
const fetchHash = (hash: string): Message => ({ $case: 'fetch', value: { by: { $case: 'hash', value: hash } } });

const used = (keyId: string): Message => ({ $case: 'used', value: { keys: [{ keyId, minute: 1n }] } });

describe('WatchGrants is for checkers alone', () => {
  it('is out of reach without a client certificate', async () => {
    const stream = watch(null);
    stream.say(hello);
    expect((await stream.refusal()).code).toBe('UNAVAILABLE');
  });

  it('refuses every other caller', async () => {
    const stream = watch('stranger');
    stream.say(hello);
    expect(await stream.refusal()).toMatchObject({ code: 'PERMISSION_DENIED', reason: 'CALLER_NOT_ALLOWED' });
  });
});

describe('WatchGrants names what is malformed, and ends the stream', () => {
  it.each<[string, Message[], string]>([
    [
      'a process without a name',
      [{ $case: 'hello', value: { ...hello.value, process: 'x' } } as Message],
      'hello.process',
    ],
    ['no kinds', [{ $case: 'hello', value: { ...hello.value, kinds: [] } } as Message], 'hello.kinds'],
    ['a renewal without a number', [hello, renew(0)], 'renew.number'],
    ['a fetch of nothing', [hello, { $case: 'fetch', value: { by: undefined } }], 'fetch.by'],
    ['a fetch of an empty hash', [hello, fetchHash('')], 'fetch.hash'],
    ['a fetch of no kind', [hello, fetchId('', 'x')], 'fetch.id.kind'],
    ['a fetch of no id', [hello, fetchId('member', '')], 'fetch.id.id'],
    ['a use of no key', [hello, used('x')], 'used.keys[0].key_id'],
    ['a negative acknowledgement', [hello, { $case: 'acknowledge', value: -1n }], 'acknowledge'],
  ])('%s', async (_name, messages, field) => {
    const stream = watch();
    for (const message of messages) stream.say(message);
    const error = await stream.refusal();
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST' });
    expect(error.violations.map((violation) => violation.field)).toEqual([field]);
  });

  it.each<[string, Message[]]>([
    ['anything before hello', [renew(1)]],
    ['a second hello', [hello, hello]],
  ])('%s', async (_name, messages) => {
    const stream = watch();
    for (const message of messages) stream.say(message);
    expect(await stream.refusal()).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'OUT_OF_PLACE' });
  });

  it('a holder that could not be told of every change', async () => {
    const stream = watch();
    stream.say({ $case: 'hello', value: { process: 'an-old-process', kinds: ['key'] } });
    expect(await stream.refusal()).toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'HOLDER_TOO_OLD' });
  });
});

/** A holder with a sub-lease and nothing else, and a member with a token. */
async function besideMember() {
  const tenant = await newTenant(suite.api);
  const { organizationId } = tenant;
  const { memberId, as } = await newMember(suite.api, tenant, {
    workspaceRoleId: BUILT_IN_ROLE_IDS.WORKSPACE_EDITOR,
  });
  await newToken(suite.api, organizationId, as);
  const stream = watch();
  stream.say(hello);
  await stream.until('terms');
  stream.say(renew(1));
  await stream.until('lease');
  const remove = () => suite.api.members.removeMember({ organizationId, memberId }, { as: tenant.admin.as });
  return { stream, memberId, remove };
}

describe('a holder on the wire', () => {
  it('is told the terms first, then what it asks for, and that there is nothing where there is nothing', async () => {
    const stream = watch();
    stream.say(hello);
    expect(await stream.until('terms')).toMatchObject({ leaseMs: 5_000n, brand: 'lk' });
    stream.say(renew(1));
    const lease = await stream.until('lease');
    expect(lease.number).toBe(1n);
    expect(lease.durationMs).toBeLessThanOrEqual(5_000);
    stream.say(fetchHash('no such hash'));
    expect(await stream.until('entries')).toEqual({
      entities: [],
      absent: [{ by: { $case: 'hash', value: 'no such hash' } }],
    });
  });

  it('is not told of, and not waited for at, a change to what it was not sent', async () => {
    const { stream, remove } = await besideMember();
    await remove();
    expect(stream.heard).toEqual([]);
  });

  it('is waited for: no change to what it was sent is acknowledged before a holder with a sub-lease has acknowledged it', async () => {
    const { stream, memberId, remove } = await besideMember();
    stream.say(fetchId('member', memberId));
    expect((await stream.until('entries')).entities).toMatchObject([{ id: memberId }]);
    let acknowledged = false;
    const removed = remove().then(() => (acknowledged = true));
    const event = await stream.until('event');
    expect(acknowledged).toBe(false);
    // Owing an acknowledgement, it is lent nothing.
    stream.say(renew(2));
    expect(await stream.until('refused')).toBe(2n);
    expect(acknowledged).toBe(false);
    stream.say({ $case: 'acknowledge', value: event.position });
    // Whatever else this removal announces.
    const rest = setInterval(() => {
      for (const answer of stream.heard.splice(0)) {
        if (answer.$case === 'event') stream.say({ $case: 'acknowledge', value: answer.value.position });
      }
    }, 5);
    await removed.finally(() => clearInterval(rest));
  });

  it('is not believed about keys that its replica does not remember, nor about times to come', async () => {
    const tenant = await newTenant(suite.api);
    const { organizationId, admin } = tenant;
    const [sent, unsent] = await Promise.all([1, 2].map(() => newToken(suite.api, organizationId, admin.as)));
    const lastUsed = async (token: { id: string } | undefined): Promise<number | undefined> => {
      const request = { organizationId, tokenId: token?.id ?? '' };
      const { token: found } = await suite.api.tokens.getPersonalToken(request, { as: admin.as });
      return found?.lastUsedTime?.getTime();
    };
    const stream = watch();
    stream.say(hello);
    stream.say(renew(1));
    await stream.until('lease');
    stream.say(fetchHash(hashSecret(sent?.secret ?? '')));
    expect((await stream.until('entries')).entities).toMatchObject([{ id: sent?.id }]);
    const minute = BigInt(Math.floor(Date.now() / MINUTE_MS) + 60);
    const keys = [unsent, sent].map((token) => ({ keyId: token?.id ?? '', minute }));
    stream.say({ $case: 'used', value: { keys } });
    const found = await eventually(async () => {
      const time = await lastUsed(sent);
      if (time === undefined) throw new Error('not written yet');
      return time;
    });
    expect(found).toBeLessThanOrEqual(Date.now() + MINUTE_MS);
    expect(await lastUsed(unsent)).toBeUndefined();
  });
});
