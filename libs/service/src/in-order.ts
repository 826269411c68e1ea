/** Ends one part of an app. */
type Stop = () => Promise<void> | void;

/**
 * Builds an app part by part. `onStop` says how to end the part that was built last; `stop()` ends all of them in the
 * opposite order, once. When a part cannot be built, those before it are ended and the error is thrown on.
 */
export async function inOrder<T extends object>(
  build: (onStop: (stop: Stop) => void) => Promise<T>,
): Promise<T & { stop(): Promise<void> }> {
  const stops: Stop[] = [];
  const stop = async (): Promise<void> => {
    for (const each of stops.splice(0).toReversed()) await each();
  };
  try {
    return { ...(await build((each) => stops.push(each))), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
