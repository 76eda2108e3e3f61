import type { Capabilities, Key, RemoteBackend } from '@kvferry/core';
import type { FaultProxy } from './proxy/types.ts';
import type { Level, Provocation } from './types.ts';

/**
 * What a case needs; where it is not there, the case is skipped, in the open and with the reason.
 *
 * `bytes`: a network that the proxy can disturb. The provocations: an answer from the proxy (HTTP) or from the author. `rawRead`, `rawWrite`: the
 * author's way past the backend. A capability's name: the backend has it; `no-` before it: the backend does not. `small-values`: its
 * largest value is small enough to be tried. `requests`: the proxy can tell requests apart.
 */
export type Need =
  | 'bytes'
  | Provocation
  | 'rawRead'
  | 'rawWrite'
  | 'delete'
  | 'list'
  | 'create'
  | 'no-delete'
  | 'no-list'
  | 'no-create'
  | 'small-values'
  | 'requests';

/** One thing that the contract says, tried. */
export interface ConformanceCase {
  /** For ever: `GET-07`. An id is never used again for something else. */
  readonly id: string;
  readonly title: string;
  /** The sentence of the contract that it stands for, as it is in the interface's comments. */
  readonly sentence: string;
  readonly level: Level;
  readonly needs: readonly Need[];
  /** Version of the suite that it first came with: until the next major after that, it is provisional. */
  readonly since: string;
  /** Throws, an AssertionError by habit, when the backend does not do what the sentence says. */
  run(context: CaseContext): Promise<void>;
}

/**
 * What a case works with. Everything that it makes is closed and removed after it: backends are closed, keys that were put are deleted, the
 * proxy passes everything on again and counts from 0. What a case did not name among its needs throws.
 *
 * Two backends need not see one store (a Map's do not): a case that reads what it wrote does so with the same backend.
 */
export interface CaseContext {
  readonly capabilities: Capabilities;
  /** Whether the store is across a network, at any level: it may finish what it had received whole when its client left. */
  readonly isRemote: boolean;
  /** Makes a backend, not open. */
  create(): RemoteBackend;
  /** Makes a backend and opens it. */
  open(): Promise<RemoteBackend>;
  /** A key that no other case and no other run uses. `tail` is appended as it is. */
  key(tail?: string): Key;
  keys(count: number): Key[];
  /** Bytes that follow from `seed`: the same for the same seed. */
  value(byteLength: number, seed?: number): Uint8Array<ArrayBuffer>;
  /** A backend whose every request meets this answer, open. Only with the provocation among the needs. Others may meet it too, until `heal`. */
  provoke(provocation: Provocation): Promise<RemoteBackend>;
  /** Ends the provocation for backends made after it; one that was provoked may stay so. */
  heal(): void;
  /** Only with `bytes` among the needs. */
  readonly proxy: FaultProxy;
  /** Only with `rawRead` among the needs. */
  rawRead(key: Key): Promise<Uint8Array | undefined>;
  /** Only with `rawWrite` among the needs. */
  rawWrite(key: Key, bytes: Uint8Array): Promise<void>;
  readonly secrets: readonly string[];
  /** Fires when the case has taken too long: waits of a case's own end with it. */
  readonly signal: AbortSignal;
}
