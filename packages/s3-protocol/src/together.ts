/** Tasks that belong to one piece of work. */
export interface Group<Result> {
  /** Fires when the work ends, however it does. Whatever a task waits for is to end with it. */
  readonly signal: AbortSignal;
  /** Starts a task. Its failure is the work's, and so ends all others. */
  start<T>(task: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** Ends the work with this result, whatever is still under way. It does not return: whoever calls it ends with it. */
  finish(result: Result): never;
}

/**
 * Does a piece of work in tasks that run side by side. The first word counts: what `work` gives or throws, what a task fails with, what was given
 * to `finish`. It ends what is still under way, and is passed on when every task is quiet.
 */
export async function together<Result>(
  signal: AbortSignal,
  work: (group: Group<Result>) => Promise<Result>,
): Promise<Result> {
  const controller = new AbortController();
  const tasks: Promise<void>[] = [];
  let ending: { readonly result: Result } | { readonly failure: unknown } | undefined;
  const end = (how: NonNullable<typeof ending>): void => {
    ending ??= how;
    controller.abort();
  };
  const abort = (): void => controller.abort(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  const group: Group<Result> = {
    signal: controller.signal,
    start: (task) => {
      const running = task(controller.signal);
      const quiet = running.then(
        () => {},
        (failure: unknown) => end({ failure }),
      );
      tasks.push(quiet);
      return running;
    },
    finish: (result) => {
      end({ result });
      throw new Error('the work has ended');
    },
  };
  try {
    end({ result: await work(group) });
  } catch (failure) {
    end({ failure });
  }
  // A task may have started another before it heard of the end.
  for (const task of tasks) await task;
  signal.removeEventListener('abort', abort);
  const how = ending as NonNullable<typeof ending>;
  if ('failure' in how) throw how.failure;
  return how.result;
}
