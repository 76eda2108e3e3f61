import { type Dtype, type Key, layoutBytes, type RemoteBackend } from '@kvferry/core';
import { chunkIdentity, type EngineMetadata } from '../chunk-identity.ts';
import { type GuessedChunk, guessFirstChunks } from '../guess/first-chunks.ts';
import { lengthsOf } from '../inspect/probe-store.ts';
import type { LoadedConfig } from '../load-config.ts';
import { formatCount } from '../terminal/index.ts';
import { type Check, ok, problem, warning } from './check.ts';
import { configLine } from './config-line.ts';
import type { KnownEngine } from './engine.ts';

/** A chunk of the store, by its hash. */
export type NamesByHash = ReadonlyMap<string, string>;

/**
 * Says whether the first chunk of these tokens is there, and if not, under which other setting it is: asks for the names that the nearest settings give it. `listed`
 * are the hashes that a listing showed, under whatever model, rank or dtype.
 */
export async function matchTokens(
  backend: RemoteBackend,
  {
    loaded,
    engine,
    front,
    listed,
  }: {
    readonly loaded: LoadedConfig;
    readonly engine: KnownEngine;
    /** In front of every key. */
    readonly front: string;
    /** `undefined`: the store does not list. */
    readonly listed: NamesByHash | undefined;
  },
  tokens: Uint32Array,
  signal: AbortSignal,
): Promise<Check> {
  const { config } = loaded;
  if (tokens.length < config.chunkTokens) {
    return warning(
      'match',
      `${formatCount(tokens.length)} tokens are less than a chunk of ${config.chunkTokens}: none to look for`,
    );
  }
  const guesses = await guessFirstChunks(config, engine.metadata, tokens);
  const found = await lengthsOf(
    backend,
    guesses.map(({ key }) => front + key),
    signal,
  );
  const [nearest] = guesses.filter(({ key }) => found.has(front + key));
  if (nearest !== undefined) {
    const bytes = found.get(front + nearest.key) ?? 0;
    return nearest.changes.length === 0 ? here(bytes, engine, loaded) : elsewhere(nearest, nearest.key, loaded);
  }
  // Under another model's name, rank or dtype.
  for (const guess of guesses) {
    const name = listed?.get(guess.chunk.hash);
    if (name !== undefined) return elsewhere(guess, name, loaded);
  }
  const otherRank =
    listed === undefined ? await underOtherRank(backend, loaded, engine, front, tokens, signal) : undefined;
  if (otherRank !== undefined) return otherRank;
  const tried = `${formatCount(guesses.length)} settings of seed, vLLM, hash, release and chunk size`;
  return warning(
    'match',
    `the first chunk of these tokens is nowhere, as far as ${tried} go: nobody stored it, or under another seed`,
  );
}

const USUAL_WORLDS: readonly number[] = [1, 2, 4, 8, 16];
const USUAL_DTYPES: readonly Dtype[] = ['bfloat16', 'float16', 'uint8', 'float8_e4m3fn', 'float32'];

/** Asks for the names of rank 0 in other worlds and of other dtypes, for which a listing would do. */
async function underOtherRank(
  backend: RemoteBackend,
  { config }: LoadedConfig,
  { line, metadata }: KnownEngine,
  front: string,
  tokens: Uint32Array,
  signal: AbortSignal,
): Promise<Check | undefined> {
  const engines = USUAL_WORLDS.flatMap((worldSize) =>
    USUAL_DTYPES.map((kvDtype) => ({ ...metadata, worldSize, kvDtype, workerId: 0 })),
  );
  const named = new Map<Key, EngineMetadata>();
  for (const engine of engines) {
    const { chunker, keyFormat, scope } = await chunkIdentity(config, engine);
    const [chunk] = chunker.chunk(tokens.subarray(0, config.chunkTokens));
    if (chunk !== undefined) named.set(front + keyFormat.key(chunk, scope), engine);
  }
  const found = await lengthsOf(backend, [...named.keys()], signal);
  const [key = ''] = found.keys();
  const engine = named.get(key);
  if (engine === undefined) return undefined;
  const lines = [
    engine.worldSize === metadata.worldSize ? [] : line('world_size', engine.worldSize),
    engine.kvDtype === metadata.kvDtype ? [] : line('kv_dtype', engine.kvDtype),
    engine.workerId === metadata.workerId ? [] : line('worker_id', engine.workerId),
  ].flat();
  const text = `the first chunk of these tokens is not under this engine's name, but there is ${key}`;
  return problem('match', text, lines.join('; and '));
}

function here(bytes: number, { identity }: KnownEngine, loaded: LoadedConfig): Check {
  const chunkBytes = layoutBytes(identity.layout);
  if (bytes === chunkBytes) return ok('match', 'the first chunk of these tokens is there');
  const found = `the first chunk of these tokens is there with ${formatCount(bytes)} bytes, not ${formatCount(chunkBytes)}: it was cut off, or the model's shape is another`;
  return problem('match', found, `kv_shape and kv_dtype of --model, or ${configLine(loaded, 'chunk_size', '…')}`);
}

function elsewhere({ changes }: GuessedChunk, name: Key, loaded: LoadedConfig): Check {
  const means = changes.map((change) => change.means).join(', and ');
  const who = means === '' ? '' : ` The engine that stored it: ${means}.`;
  const found =
    `the first chunk of these tokens is not under this configuration's name, but there is ${name}.${who}`.replace(
      /\.$/,
      '',
    );
  const lines = changes.map(({ key, value }) => configLine(loaded, key, value));
  return problem('match', found, lines.length === 0 ? null : lines.join('; and '));
}
