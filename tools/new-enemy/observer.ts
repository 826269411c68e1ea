import { connectLatchkey, type Decision, type LatchkeyOptions } from '@latchkey/client';
import { keyV1 } from '@latchkey/proto';
import { type Api } from '@latchkey/testing';
import { type Question } from './kind';
import { isTransient } from './patience';

/** Longer than any process is stopped for: what a stopped replica answers in the end is what matters, ms. */
const CHECK_TIMEOUT_MS = 30_000;
/** As many as a message may carry. */
const BATCH = 100;
/** So many that an SDK client does not keep this process from doing anything else. */
const SDK_QUESTIONS = 200;

/** What became of one question. */
export interface Answer {
  /** 'ALLOWED', another decision's name, or 'NO_ANSWER': UNAVAILABLE and the like, which decides nothing. */
  readonly answer: string;
  /** '' without an answer. */
  readonly decisionId: string;
  /** Whether nothing was read for it. */
  readonly fromMemory: boolean;
}

/** Somebody who asks: a way to a replica over the network, or a client that decides by itself. */
export interface Observer {
  readonly name: string;
  /** How many questions it asks at once, at most. */
  readonly limit: number;
  /** Between two times of asking, ms. */
  readonly pauseMs: number;
  /** An answer to each, in order. All are on their way from the call until the promise settles. */
  ask(questions: readonly Question[]): Promise<readonly Answer[]>;
}

export interface Pauses {
  /** Between two messages of many checks to a replica, ms. */
  readonly batchMs: number;
  /** Between two messages of one check, ms. */
  readonly unaryMs: number;
  /** Between two times of asking an SDK client, ms. */
  readonly sdkMs: number;
}

/** Two observers of each replica of key: one asks one question at a time, the other many in a message. */
export function replicaObservers(api: Api, { batchMs, unaryMs }: Pauses): Observer[] {
  return api.authorizationReplicas.flatMap((replica, index): Observer[] => {
    const name = `key${index === 0 ? '' : index + 1}`;
    const options = { timeoutMs: CHECK_TIMEOUT_MS };
    return [
      {
        name,
        limit: 1,
        pauseMs: unaryMs,
        ask: answering(async ([question]) => {
          if (question === undefined) throw new RangeError('no question');
          return [answerOf(await replica.authorize(question, options))];
        }),
      },
      {
        name: `${name} in batches`,
        limit: BATCH,
        pauseMs: batchMs,
        ask: answering(async (questions) => {
          const checks = questions.map((question) => ({ workspaceId: '', organizationId: '', ...question }));
          const { results } = await replica.batchAuthorize({ checks }, options);
          return results.map(({ outcome }) => {
            if (outcome?.$case !== 'response') throw new TypeError(`no answer but ${outcome?.value.message}`);
            return answerOf(outcome.value);
          });
        }),
      },
    ];
  });
}

/** A process with the SDK, this one, that one replica of key lends the right to answer to. */
export interface SdkObserver extends Observer {
  close(): Promise<void>;
}

export function sdkObserver(
  name: string,
  options: Pick<LatchkeyOptions, 'address' | 'tls'>,
  pauseMs: number,
): SdkObserver {
  const client = connectLatchkey({ ...options, deadlineMs: CHECK_TIMEOUT_MS });
  const askOne = answering(async ([question]) => {
    if (question === undefined) throw new RangeError('no question');
    return [answerOfSdk(await client.authorize(question))];
  });
  return {
    name,
    limit: SDK_QUESTIONS,
    pauseMs,
    ask: async (questions) => {
      // One fault need not be that of all: each question fails by itself.
      if (client.leased) return (await Promise.all(questions.map((question) => askOne([question])))).flat();
      // It asks the replica now, and that in as few messages as can be: the replica may be busy coming back.
      const results = await client.authorizeBatch(questions);
      return results.map((result) => {
        if (result.ok) return answerOfSdk(result.decision);
        if (isTransient(result.error)) return NO_ANSWER;
        throw result.error;
      });
    },
    close: () => client.close(),
  };
}

function answerOfSdk({ allowed, reason, decisionId, source }: Decision): Answer {
  return {
    answer: allowed ? 'ALLOWED' : reason,
    decisionId,
    fromMemory: source === 'memory' && readNothing(decisionId),
  };
}

const NO_ANSWER: Answer = { answer: 'NO_ANSWER', decisionId: '', fromMemory: false };

/** What nobody decided is no answer; anything else that goes wrong is a mistake of this suite. */
function answering(ask: Observer['ask']): Observer['ask'] {
  return async (questions) => {
    try {
      return await ask(questions);
    } catch (error) {
      if (!isTransient(error)) throw error;
      return questions.map(() => NO_ANSWER);
    }
  };
}

const NAMES = new Map(Object.entries(keyV1.DecisionReason).map(([name, value]) => [value as string, name]));

function answerOf({ allowed, reason, decisionId }: keyV1.AuthorizeResponse): Answer {
  // Whoever acts on an answer looks at `allowed`; the reason is for people.
  const answer = allowed ? 'ALLOWED' : (NAMES.get(reason) ?? reason);
  return { answer, decisionId, fromMemory: readNothing(decisionId) };
}

/** The id of a decision says how it was found. */
const readNothing = (decisionId: string): boolean => decisionId.endsWith('m');
