import { type LatchkeyClient } from '@latchkey/client';
import { hashSecret, newSecret } from '@latchkey/facts';
import { type keyV1 } from '@latchkey/proto';
import { randomBytes } from 'node:crypto';
import mongoose from 'mongoose';
import { type Row } from '../row';
import { connectSdk, newHolder, READY_MS, startWorld, type World } from '../suite';

const TOKENS = 10_000;
const PER_MESSAGE = 100;
const REACH_MS = 10_000;
const INSERT = 1_000;
const LOOK_MS = 250;
/** Far beyond what is to be reached: a figure that falls short is one, too. */
const LIMIT_MS = 300_000;

/** A person who leaves with very many tokens. */
export const removal: Row = {
  name: 'removal',
  about: `a member with ${TOKENS} tokens is removed`,
  async run(bench) {
    const world = await startWorld(bench);
    try {
      const { api, organizationId, admin, workspaceId } = world;
      const holder = await newHolder(world);
      const secrets = await multiplied(world, holder.secret, TOKENS);
      const questions = secrets.map((key) => ({ key, permission: 'projects:read', workspaceId, organizationId: '' }));
      bench.log(`  ${TOKENS} tokens are in the store`);
      const sdk = connectSdk(world);
      try {
        await sdk.ready(READY_MS);
        const askers = askersOf(world, sdk);
        const accepted = async (): Promise<number> => {
          const counts = await Promise.all(askers.map((ask) => acceptedBy(ask, questions)));
          return counts.reduce((sum, count) => sum + count, 0);
        };
        const all = askers.length * TOKENS;
        const before = await accepted();
        if (before < all) throw new Error(`${all - before} of ${all} tokens do not work before the removal`);
        if (!(await remembers(sdk, questions))) throw new Error('the SDK client does not remember all of them');
        bench.log(`  all of them are in the memory of ${askers.length - 1} replicas and of an SDK client`);
        const started = performance.now();
        await api.members.removeMember({ organizationId, memberId: holder.memberId }, { as: admin.as });
        const acknowledgedMs = performance.now() - started;
        const after = await accepted();
        const goneMs = await untilGone(world, holder.memberId, started);
        bench.log(`  they are gone after ${(goneMs / 1_000).toFixed(1)} s`);
        return {
          lines: [
            {
              figure: `accepted after the acknowledgement, ${TOKENS} tokens asked of ${askers.length - 1} replicas and an SDK client`,
              measured: `${after} of ${all}`,
              reach: '0',
              good: after === 0,
            },
            { figure: 'until the removal was acknowledged', measured: `${acknowledgedMs.toFixed(0)} ms` },
            {
              figure: `until all ${TOKENS} tokens were gone from the store`,
              measured: `${(goneMs / 1_000).toFixed(1)} s`,
              reach: `≤ ${REACH_MS / 1_000} s`,
              good: goneMs <= REACH_MS,
            },
          ],
          figures: { removalAccepted: after, removalAcknowledgedMs: acknowledgedMs, removalTokensGoneMs: goneMs },
        };
      } finally {
        await sdk.close();
      }
    } finally {
      await world.stop();
    }
  },
};

/** Answers, for each question of a message, whether it was allowed. */
type Ask = (questions: readonly keyV1.AuthorizeRequest[]) => Promise<readonly boolean[]>;

/** Every replica, and an SDK client that holds a lease of one. */
function askersOf({ api }: World, sdk: LatchkeyClient): Ask[] {
  return [
    ...api.authorizationReplicas.map((replica): Ask => async (questions) => {
      const { results } = await replica.batchAuthorize({ checks: [...questions] });
      return results.map(({ outcome }) => outcome?.$case === 'response' && outcome.value.allowed);
    }),
    async (questions) =>
      (await sdk.authorizeBatch(questions)).map((result) => {
        if (!result.ok) throw result.error;
        return result.decision.allowed;
      }),
  ];
}

async function acceptedBy(ask: Ask, questions: readonly keyV1.AuthorizeRequest[]): Promise<number> {
  let accepted = 0;
  for (let at = 0; at < questions.length; at += PER_MESSAGE) {
    const answers = await ask(questions.slice(at, at + PER_MESSAGE));
    accepted += answers.filter((allowed) => allowed).length;
  }
  return accepted;
}

/** Whether it answers about all of them without asking anybody. */
async function remembers(sdk: LatchkeyClient, questions: readonly keyV1.AuthorizeRequest[]): Promise<boolean> {
  const results = await sdk.authorizeBatch(questions);
  return results.every((result) => result.ok && result.decision.source === 'memory');
}

/** Copies of a token's record under other ids and hashes: making them one by one would take minutes. */
async function multiplied({ database }: World, secret: string, times: number): Promise<string[]> {
  const connection = await mongoose.createConnection(database.uri, { dbName: 'latchkey_key' }).asPromise();
  const keys = connection.collection<{ _id: string; hash: string }>('keys');
  const record = await keys.findOne({ hash: hashSecret(secret) });
  if (!record) throw new Error('the token has no record');
  const secrets = Array.from({ length: times - 1 }, () => newSecret('lk', 'PERSONAL', randomBytes(32)));
  const copies = secrets.map((copy, i) => {
    const tail = i
      .toString(32)
      .padStart(6, '0')
      .replace(/[ilou]/g, (c) => ({ i: 'w', l: 'x', o: 'y', u: 'z' })[c] ?? c);
    return { ...record, _id: record._id.slice(0, -6) + tail, hash: hashSecret(copy) };
  });
  for (let at = 0; at < copies.length; at += INSERT) await keys.insertMany(copies.slice(at, at + INSERT));
  await connection.close();
  return [secret, ...secrets];
}

/** Since `started`, ms. */
async function untilGone({ database, organizationId }: World, memberId: string, started: number): Promise<number> {
  const connection = await mongoose.createConnection(database.uri, { dbName: 'latchkey_key' }).asPromise();
  // What key itself counts: whoever looks at ten thousand tokens over and over measures that.
  const owners = connection.collection<{ _id: string; live: number; revoked: number }>('token_owners');
  while (((await owners.findOne({ _id: memberId }))?.revoked ?? 0) < TOKENS) {
    if (performance.now() - started > LIMIT_MS) throw new Error('the tokens do not go');
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  const goneMs = performance.now() - started;
  const live = { organizationId, principalId: memberId, kind: 'PERSONAL', state: 'ACTIVE' };
  if (await connection.collection('keys').findOne(live))
    throw new Error('a token is left that key has counted as gone');
  await connection.close();
  return goneMs;
}
