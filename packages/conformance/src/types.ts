import type { Capabilities, Key, RemoteBackend } from '@kvferry/core';

/** The contract of the suite: what an author gives, and what a case is. */

/** How much is tried. Each level includes the one before. */
export type Level = 'core' | 'network' | 'stress';

/** Where the author's backends are to connect, in place of the store's own address. */
export interface TargetEnvironment {
  /** Connect here; keep the store's name (Host, SNI). Absent at level `core` and where no `upstream` is given. */
  readonly connectTo?: { readonly host: string; readonly port: number } | undefined;
  /** PEM of the authority to trust, where the store speaks TLS. */
  readonly ca?: string | undefined;
}

/** What the proxy can answer in the store's place for HTTP; an author of another protocol gives backends that meet the same. */
export type Provocation = 'denied' | 'throttled' | 'unavailable' | 'missingNamespace' | 'errorAfterSuccess';

/** The author's store, ready to be used by one run of the suite. */
export interface Target {
  /**
   * Makes a new backend, not open. Where the store is outside of the backend, all backends of one target see the same one. Small time limits
   * (a second or so) keep the run short.
   */
  readonly create: () => RemoteBackend;
  /** Backends that open, and whose every request then meets this answer: for stores that do not speak HTTP, or not with S3's error documents. */
  readonly provoke?: Readonly<Partial<Record<Provocation, () => RemoteBackend>>> | undefined;
  /** Reads what is stored under a key past the backend, `undefined` when nothing is. */
  readonly rawRead?: ((key: Key) => Promise<Uint8Array | undefined>) | undefined;
  /** Overwrites what is stored past the backend: to lay a bad object. */
  readonly rawWrite?: ((key: Key, bytes: Uint8Array) => Promise<void>) | undefined;
  /** Texts that must stand in no message. */
  readonly secrets?: readonly string[] | undefined;
  readonly close?: (() => Promise<void>) | undefined;
}

/** A case that an author leaves out, on purpose and in the open. */
export interface SkippedCase {
  readonly id: string;
  readonly reason: string;
  /** Where the reason is discussed. */
  readonly link: string;
}

/** What the author of a backend writes to have it tested. */
export interface ConformanceSuite {
  /** The capabilities once more: what the backend claims must be what its author says. */
  readonly capabilities: Capabilities;
  /** URL of the store (`http://…`, `https://…` or `tcp://…`), which the proxy stands in front of. Absent: no network. */
  readonly upstream?: string | undefined;
  /** PEM of the authority that the store's certificate is from, where it is not a public one. */
  readonly upstreamCa?: string | undefined;
  /**
   * Offers HTTP/2 to the backend in front of an `https` store: each of its requests is then disturbed on its own stream, where over HTTP/1.1 it is on
   * its connection. The proxy speaks HTTP/1.1 with the store. A backend that does not ask for HTTP/2 is not given it. Default `never`.
   */
  readonly http2?: 'offered' | 'never' | undefined;
  /** How much is tried where neither the caller nor `KVFERRY_CONFORMANCE_LEVEL` says so. Default: `network`, and `core` without an `upstream`. */
  readonly level?: Level | undefined;
  readonly createTarget: (environment: TargetEnvironment) => Target | Promise<Target>;
  readonly skip?: readonly SkippedCase[] | undefined;
}
