import { type Accounted, type Codec, type Mutations, type Transaction } from '@latchkey/coherence';
import { type CallContext } from '@latchkey/service';

/**
 * A transaction in the middle of a call. Its outcome is nobody's answer, so the request_id is left to the transaction
 * that makes the answer: a repeat of the call goes through all its steps again and gets the first answer where that is
 * known.
 */
export async function step<T>(
  { mutations }: { readonly mutations: Pick<Mutations, 'run'> },
  ctx: CallContext,
  change: (tx: Transaction) => Promise<Accounted<T>>,
): Promise<T> {
  const { answer } = await mutations.run({ ...ctx, requestId: '' }, notKept<T>(), change);
  return answer;
}

function notKept<T>(): Codec<T> {
  const fail = (): never => {
    throw new Error('the outcome of a step was treated as an answer');
  };
  return { encode: fail, decode: fail };
}
