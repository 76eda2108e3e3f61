import type { Cell, ClientName, Sample, Verify } from './plan.ts';

/** What the processes of a run say to each other, over the channel that Node gives a child. */

/** Where the server listens, all on 127.0.0.1. */
export interface Target {
  readonly httpPort: number;
  readonly httpsPort: number;
  /** Bytes without a protocol, for the floor. */
  readonly rawPort: number;
  readonly rawTlsPort: number;
  /** PEM of the certificate to trust. */
  readonly ca: string;
  readonly objectsPerSize: number;
}

/** To the server: what to have ready. */
export interface ServerSetup {
  readonly sizes: readonly number[];
  readonly objectsPerSize: number;
  /** Processes that serve, behind the same ports. */
  readonly processes: number;
}

/** To a client process, one at a time, each answered by one {@link ClientAnswer}. */
export type ClientCommand =
  | { readonly do: 'load'; readonly client: ClientName; readonly target: Target }
  /** Connects for a cell, proves once that every byte is right, and warms up. */
  | { readonly do: 'open'; readonly cell: Cell; readonly verify: Verify }
  /** Measures for about `windowMs`. */
  | { readonly do: 'measure'; readonly windowMs: number }
  | { readonly do: 'close' };

export type ClientAnswer =
  | { readonly status: 'done' }
  | { readonly status: 'measured'; readonly sample: Sample }
  /** The library does not load here: the client is left out of the run. */
  | { readonly status: 'unavailable'; readonly reason: string }
  | { readonly status: 'failed'; readonly reason: string };
