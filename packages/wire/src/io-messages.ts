import type { PackedError } from './packed-error.ts';
import type { ResolvedAddress, WireClientOptions, WireRequest, WireResponse } from './types.ts';

/** What the calling thread and its I/O threads say to each other: one message for each request, and one for its answer. */

/** What a thread starts with. */
export interface IoThreadSetup {
  /** Those that can cross to another thread. Names are resolved, and the memory of names kept, on the calling thread. */
  readonly options: Pick<
    WireClientOptions,
    'timeouts' | 'ca' | 'idleMs' | 'maxErrorBytes' | 'maxHeadBytes' | 'digestModule' | 'http2'
  >;
  /** The calling thread's {@link clockOriginMs}. */
  readonly clockOriginMs: number;
  /** Written by the thread, by {@link CONNECTIONS}; on shared memory. */
  readonly connections: Int32Array;
}

/** Where each of a thread's counts of connections stands. */
export const CONNECTIONS = { open: 0, idle: 1, opened: 2 } as const;

/** To a thread. */
export type IoCommand =
  /** Without its signal. */
  | { readonly do: 'request'; readonly id: number; readonly request: WireRequest }
  /** Ends a request early. It is answered all the same, once its memory is quiet. */
  | { readonly do: 'abandon'; readonly id: number }
  /** The calling thread has let go of memory that it had lent: handles on it that are garbage here hold it. */
  | { readonly do: 'collect' }
  | { readonly do: 'adopt-addresses'; readonly host: string; readonly addresses: readonly ResolvedAddress[] }
  | { readonly do: 'give-up-name'; readonly host: string; readonly error: PackedError };

/** From a thread. */
export type IoReport =
  /** It takes requests from now on. Nothing is sent to it before. */
  | { readonly status: 'ready' }
  | { readonly status: 'answered'; readonly id: number; readonly response: IoResponse }
  | { readonly status: 'failed'; readonly id: number; readonly error: PackedError }
  /** It wants the addresses of a name. Never twice for one name at a time. */
  | { readonly status: 'asks-name'; readonly host: string };

/** A response, by the calling thread's clock. When it began is known there. */
export interface IoResponse extends Omit<WireResponse, 'headers' | 'timing' | 'body'> {
  readonly headers: ReadonlyMap<string, string>;
  readonly timing: Omit<WireResponse['timing'], 'startMs'>;
  /** Absent where it is empty, as after a body that went into lent memory. */
  readonly body: Uint8Array | undefined;
}

/**
 * When this thread's `performance.now()` was 0, by the clock that all threads share. `performance.timeOrigin` would tell that by the time of day,
 * which may have been set between the starts of two threads.
 */
export function clockOriginMs(): number {
  let originMs = Number.NEGATIVE_INFINITY;
  // Whatever happens between the two looks at the clock, such as Node loading `performance` the first time, makes it too early.
  for (let left = 4; left > 0; left--) {
    originMs = Math.max(originMs, Number(process.hrtime.bigint()) / 1e6 - performance.now());
  }
  return originMs;
}
