/**
 * Waits for the work, at most `ms`. The driver has no limit of its own for an operation on a connection that hangs (its
 * `timeoutMS` is a no-op), and the work cannot be called back: whoever gives up must see to it that it does no harm.
 */
export async function settledWithin<T>(work: Promise<T>, ms: number): Promise<{ readonly value: T } | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  try {
    return await Promise.race([work.then((value) => ({ value })), late]);
  } finally {
    clearTimeout(timer);
  }
}
