import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { RemoteBackend } from '@kvferry/core';
import { type Simulator, type SimulatorOptions, startSimulator } from '@kvferry/s3-simulator';
import type { WireClient } from '@kvferry/wire';
import { onTestFinished } from 'vitest';
import { createS3Backend } from '../backend.ts';
import { credentialProvider } from '../credentials.ts';
import { REQUEST_CHANNEL } from '../telemetry.ts';
import type { CredentialProvider, RequestRecord, S3ConnectionOptions, S3Endpoint, S3Profile } from '../types.ts';

export const BUCKET = 'my-bucket';

/** Short enough that a test of a silent store ends soon, long enough for a busy machine. */
export const SHORT_TIMEOUTS = { connectMs: 2000, firstByteMs: 300, stallMs: 300 } as const;

/** A simulator with one bucket, closed when the test has ended. */
export async function startStore(options: SimulatorOptions = {}): Promise<Simulator> {
  const simulator = await startSimulator({ buckets: [BUCKET], ...options });
  onTestFinished(() => simulator.close());
  return simulator;
}

/** What a test sets apart from the simulator's own. */
export interface BackendOverrides {
  readonly endpoint?: Partial<S3Endpoint>;
  readonly profile?: Partial<S3Profile>;
  readonly credentials?: CredentialProvider;
  readonly options?: Partial<S3ConnectionOptions>;
  readonly wire?: WireClient;
}

/** An open backend on the simulator, closed when the test has ended. */
export async function openBackend(simulator: Simulator, overrides: BackendOverrides = {}): Promise<RemoteBackend> {
  const backend = createS3Backend({
    scheme: 's3',
    endpoint: { ...pathEndpoint(simulator), ...overrides.endpoint },
    profile: {
      id: 'test',
      create: true,
      checksum: 'crc32c',
      bulkDelete: true,
      maxPutBytes: 5 * 1024 ** 3,
      multipart: 'none',
      listing: 'any',
      ...overrides.profile,
    },
    credentials: overrides.credentials ?? credentialProvider(simulator.credentials),
    options: { bucket: BUCKET, tls: { ca: simulator.ca }, ...overrides.options },
    wire: overrides.wire,
  });
  onTestFinished(() => backend.close());
  await backend.open();
  return backend;
}

export function pathEndpoint(simulator: Simulator): S3Endpoint {
  return {
    scheme: simulator.url.startsWith('https') ? 'https' : 'http',
    host: '127.0.0.1',
    port: simulator.port,
    bucket: BUCKET,
    addressing: 'path',
    region: simulator.region,
  };
}

/**
 * The bucket in the host name, which does not resolve: connections go to the simulator, `Host` and SNI carry the name.
 */
export function virtualEndpoint(simulator: Simulator): Partial<S3Endpoint> {
  return {
    host: 's3.localhost',
    addressing: 'virtual',
    connectTo: { host: '127.0.0.1', port: simulator.port },
  };
}

/** The bytes that the simulator keeps for a key, past the wire; `undefined` where there are none. */
export async function storedBytes(simulator: Simulator, key: string): Promise<Uint8Array | undefined> {
  const stored = await simulator.getObject(BUCKET, key);
  // Not a Buffer, which test matchers tell from a Uint8Array.
  return stored === undefined ? undefined : new Uint8Array(stored.body);
}

/** Everything that an iteration gives. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

/** Passes on the record of each request until the test has ended. */
export function onRecord(note: (record: RequestRecord) => void): void {
  onMessage(REQUEST_CHANNEL, (message) => note(message as RequestRecord));
}

/** Passes on what is published on a diagnostics channel until the test has ended. */
export function onMessage(channel: string, note: (message: unknown) => void): void {
  const listener = (message: unknown): void => note(message);
  subscribe(channel, listener);
  onTestFinished(() => void unsubscribe(channel, listener));
}

/** Waits until something is so; the test's own time limit ends it otherwise. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate);
}

/** Whether two byte sequences are equal. A test matcher takes a second for what takes this a millisecond. */
export function sameBytes(actual: Uint8Array | undefined, expected: Uint8Array): boolean {
  return actual !== undefined && Buffer.compare(actual, expected) === 0;
}

/** Bytes that are not all alike, the same for the same seed. */
export function sampleBytes(byteLength: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(byteLength);
  let state = seed;
  for (let i = 0; i < byteLength; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** Keys that every store must take, with what makes escaping go wrong. */
export const ODD_KEYS: readonly string[] = [
  'plain',
  'meta-llama_Llama-3.1-8B-Instruct@1@0@49bc192c478bfc2e@bfloat16',
  'percent%20and%',
  'a b c',
  'plus+plus',
  "quotes'(and)*bang!",
  'tilde~dash-dot.under_score',
  'question?hash#amp&equals=semi;colon:comma,dollar$',
  'ümläut/日本語/🦀',
  '<xml>&amp;"',
  'back\\slash|pipe^caret`tick{brace}[bracket]',
  'deep/er/and/deeper',
];
