import type { S3Access } from '../stores/types.ts';

/** A client under measurement, loaded in a process of its own. */
export interface BenchClient<Options extends SessionOptions = SessionOptions> {
  /** Version of its library; `null` where it has none. */
  readonly version: string | null;
  open(options: Options): Promise<Session>;
}

export type Operation = 'GET' | 'PUT' | 'HEAD';

/** What any client needs to know. It takes of it what it is made for. */
export interface SessionOptions {
  readonly operation: Operation;
  /** For clients that know S3, and sign. */
  readonly store: S3Access;
  /** Of the objects, in the bucket. */
  readonly keys: readonly string[];
  /** For clients that know HTTP alone: the same objects, at paths that need no signing any more. */
  readonly plain: PlainAccess;
  /** Of each object. */
  readonly objectBytes: number;
  /** Slots, each with one request in flight. */
  readonly concurrency: number;
  /** Attempts of one request, by clients that try again by themselves. `undefined`: as many as they do. */
  readonly maxAttempts: number | undefined;
  /**
   * One per slot, each of the object's size and touched before, as memory that is fresh costs as much in page faults as the whole transfer. A GET leaves
   * the object in it, a PUT sends it. Empty for HEAD.
   */
  readonly buffers: readonly Uint8Array[];
}

export interface PlainAccess {
  /** Scheme, host and port. */
  readonly origin: string;
  /** One per key, percent-encoded, with the query. */
  readonly paths: readonly string[];
}

/** Connections for one measurement. */
export interface Session {
  /** Does one operation after another in each slot, the slots side by side, until `next` has none for any. Rejects when one did not succeed. */
  run(next: NextObject): Promise<void>;
  close(): Promise<void>;
}

/** Which object a slot goes on with, as an index of `keys`; `undefined`: the slot has done its part. */
export type NextObject = (slot: number) => number | undefined;

/** Runs one operation after another in each slot, all slots at once. */
export async function inSlots(
  { concurrency }: SessionOptions,
  next: NextObject,
  operate: (slot: number, object: number) => Promise<void>,
): Promise<void> {
  await Promise.all(
    Array.from({ length: concurrency }, async (_, slot) => {
      for (let object = next(slot); object !== undefined; object = next(slot)) await operate(slot, object);
    }),
  );
}
