/** The contract of the fault proxy: it stands between a backend and its store, passes everything on, and does harm when told to. */

/**
 * What happens to the bytes of connections from now on. Offsets count from the injection, over each connection on its own; over TLS they are
 * offsets of what is inside. Several hold at a time. One that strikes after 0 bytes strikes when the next byte comes.
 */
export type WireFault =
  /** Ends kept connections and resets each new one at once. */
  | { readonly kind: 'refuse' }
  /** Passes this many bytes of the direction on, then resets. */
  | { readonly kind: 'reset'; readonly direction: Direction; readonly afterBytes: number }
  /**
   * Passes this many bytes on, then none, and leaves the connection open. What the backend still sends upwards is taken and dropped, so that
   * the end of its connection is seen.
   */
  | { readonly kind: 'stall'; readonly direction: Direction; readonly afterBytes: number }
  /** Passes this many bytes on, then ends the connection in good order. */
  | { readonly kind: 'truncate'; readonly direction: Direction; readonly afterBytes: number }
  /** Passes at most this many bytes on per turn of the event loop. */
  | { readonly kind: 'drip'; readonly direction: Direction; readonly bytesPerTurn: number }
  /** Flips the lowest bit of the byte at this offset, once per connection. */
  | { readonly kind: 'flip'; readonly direction: Direction; readonly atByte: number };

/** `down`: from the store to the backend. `up`: from the backend to the store. */
export type Direction = 'down' | 'up';

/** What the proxy answers in the store's place; HTTP only. */
export interface ProxyAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Lets the store do what was asked first, and answers this all the same. */
  readonly afterSuccess: boolean;
}

/** What went through since the start, or since the case began. Bytes count when they are passed on. */
export interface ProxyCounts {
  readonly openConnections: number;
  readonly connections: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** HTTP only, else 0: requests seen, those without their whole answer, and the most there were of these at a time. */
  readonly requests: number;
  readonly openRequests: number;
  readonly maxOpenRequests: number;
}

export interface FaultProxy {
  readonly address: { readonly host: string; readonly port: number };
  /** PEM of the throw-away authority that its certificate is from, where the store speaks TLS. */
  readonly ca: string | undefined;
  readonly counts: ProxyCounts;
  /** Does this to the next `times` connections or, of kept ones, exchanges that it strikes. Default: for ever, until `clear`. */
  inject(fault: WireFault, times?: number): void;
  /** Answers this to every request until `clear`; one that the store has already been sent is answered in place of the store's answer. HTTP only. */
  answer(answer: ProxyAnswer): void;
  /** Passes everything on again. Connections that were stalled are ended. */
  clear(): void;
  /** Resolves when `condition` holds of the counts; looked at whenever they change. Rejects when the signal fires. */
  until(condition: (counts: ProxyCounts) => boolean, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}
