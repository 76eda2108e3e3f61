import { hash } from 'node:crypto';
import type { Chunk, ChunkLayout, KeyFormat, KeyScope } from './chunks.ts';
import { KvferryError } from './errors.ts';
import type { Key } from './keys.ts';
import { assertKnownOptions, assertWholeNumber } from './options.ts';

/** Everything but the scope that decides what bytes stand under a chunk's hash. */
export interface Kv1Options {
  readonly layout: {
    readonly format: ChunkLayout['format'];
    /** Layers of this pipeline stage. */
    readonly layers: number;
    /** KV heads of this rank. */
    readonly kvHeads: number;
    readonly headSize: number;
    /** Tokens of a full chunk. */
    readonly chunkTokens: number;
  };
  readonly hash: {
    /** The function of the chain, such as `sha256_cbor`. */
    readonly name: string;
    /** Where the chain starts, as text. */
    readonly seed: string;
  };
  /** Revision of the model's weights. Default: none. */
  readonly revision?: string | undefined;
  /** Adapter on top of the model, such as a LoRA. Default: none. */
  readonly adapter?: string | undefined;
  /** Keeps apart what is otherwise the same, such as two tenants. Default: none. */
  readonly salt?: string | undefined;
  /** How the elements are quantised, where their type does not say it. Default: none. */
  readonly quantisation?: string | undefined;
}

/** What all chunks of one engine, rank and set of tags have in common. */
export interface Kv1Namespace {
  /** First 16 hex digits of the SHA-256 of `json`. */
  readonly id: string;
  /** Where `json` is kept: `kv1/_ns/<id>.json`. */
  readonly key: Key;
  /** Canonical JSON (RFC 8785) of all of it. */
  readonly json: string;
}

export interface Kv1KeyFormat extends KeyFormat {
  /** The namespace of a scope. Throws INVALID_ARGUMENT as `key` does. */
  namespace(scope: KeyScope): Kv1Namespace;
}

/** What the name of an object in the form `kv1` is. */
export type Kv1KeyDescription =
  | { readonly kind: 'chunk'; readonly namespace: string; readonly hash: string }
  | { readonly kind: 'namespace'; readonly namespace: string };

/**
 * kvferry's own key form, for buckets that it shares with nobody: `kv1/<two digits of the hash>/<namespace>/<hash>`. The namespace stands for everything that
 * decides what bytes these are, so two models never meet in one key, and `kv1/_ns/<namespace>.json` says what that is. The two digits spread
 * the keys of one model over 256 prefixes.
 *
 * Injective as far as 64 bits of SHA-256 tell two namespaces apart. Throws CONFIG_INVALID, naming the option. `key` throws INVALID_ARGUMENT for a scope that no
 * engine has, for text with a lone surrogate, and for a hash that is no hexadecimal number of at most 64 digits.
 */
export function kv1KeyFormat(options: Kv1Options): Kv1KeyFormat {
  checkOptions(options);
  return new NamespacedKeys(options);
}

/** Recognises a key of the form `kv1`, for tools that look through a bucket; `undefined` for every other. */
export function describeKv1Key(key: string): Kv1KeyDescription | undefined {
  const [, described] = /^kv1\/_ns\/([0-9a-f]{16})\.json$/.exec(key) ?? [];
  if (described !== undefined) return { kind: 'namespace', namespace: described };
  const [, shard, namespace, chunkHash] = /^kv1\/([0-9a-f]{2})\/([0-9a-f]{16})\/(-?[0-9a-f]{1,64})$/.exec(key) ?? [];
  if (namespace === undefined || chunkHash === undefined || shard !== shardOf(chunkHash)) return undefined;
  return { kind: 'chunk', namespace, hash: chunkHash };
}

class NamespacedKeys implements Kv1KeyFormat {
  readonly id = 'kv1';
  readonly injective = true;
  readonly #options: Kv1Options;
  /** An engine has one scope, and a request with tags of its own one more: the digest is not for every key. */
  readonly #namespaces = new WeakMap<KeyScope, Kv1Namespace>();

  constructor(options: Kv1Options) {
    this.#options = options;
  }

  key({ hash: chunkHash }: Chunk, scope: KeyScope): Key {
    if (!/^-?[0-9a-f]{1,64}$/.test(chunkHash)) {
      throw invalid(`a chunk hash in a kv1 key has 1 to 64 hex digits, not ${JSON.stringify(chunkHash)}`);
    }
    return `kv1/${shardOf(chunkHash)}/${this.namespace(scope).id}/${chunkHash}`;
  }

  namespace(scope: KeyScope): Kv1Namespace {
    let namespace = this.#namespaces.get(scope);
    if (namespace === undefined) {
      namespace = namespaceOf(this.#options, scope);
      this.#namespaces.set(scope, namespace);
    }
    return namespace;
  }
}

function shardOf(chunkHash: string): string {
  return chunkHash.replace('-', '').padStart(2, '0').slice(0, 2);
}

function namespaceOf(options: Kv1Options, scope: KeyScope): Kv1Namespace {
  checkScope(scope);
  const { layout } = options;
  // Canonical as it stands: names in order, no white space, and of text and whole numbers RFC 8785 writes what JSON.stringify does.
  const json = JSON.stringify({
    adapter: options.adapter ?? null,
    chunk_size: layout.chunkTokens,
    dtype: scope.dtype,
    hash: options.hash.name,
    hash_seed: options.hash.seed,
    head_size: layout.headSize,
    kv_heads: layout.kvHeads,
    layers: layout.layers,
    layout: layout.format,
    model: scope.modelName,
    quantisation: options.quantisation ?? null,
    revision: options.revision ?? null,
    salt: options.salt ?? null,
    tags: scope.tags,
    worker_id: scope.workerId,
    world_size: scope.worldSize,
  });
  const id = hash('sha256', json, 'hex').slice(0, 16);
  return { id, key: `kv1/_ns/${id}.json`, json };
}

function checkOptions(options: Kv1Options): void {
  const known = ['layout', 'hash', 'revision', 'adapter', 'salt', 'quantisation'];
  assertKnownOptions('kv1KeyFormat', options, known);
  assertKnownOptions('kv1KeyFormat: layout', options.layout, [
    'format',
    'layers',
    'kvHeads',
    'headSize',
    'chunkTokens',
  ]);
  assertKnownOptions('kv1KeyFormat: hash', options.hash, ['name', 'seed']);
  const { layout, hash: chain } = options;
  if (layout.format !== 'KV_2LTD' && layout.format !== 'KV_MLA_FMT') {
    throw new KvferryError(
      'CONFIG_INVALID',
      `kv1KeyFormat: layout.format is KV_2LTD or KV_MLA_FMT, not ${layout.format}`,
    );
  }
  for (const name of ['layers', 'kvHeads', 'headSize', 'chunkTokens'] as const) {
    assertWholeNumber('kv1KeyFormat', `layout.${name}`, layout[name], 1, Number.MAX_SAFE_INTEGER);
  }
  const { revision, adapter, salt, quantisation } = options;
  const texts = { 'hash.name': chain.name, 'hash.seed': chain.seed, revision, adapter, salt, quantisation };
  for (const [name, text] of Object.entries(texts)) {
    if (text === undefined && !name.startsWith('hash.')) continue;
    if (typeof text !== 'string' || !text.isWellFormed()) {
      throw new KvferryError(
        'CONFIG_INVALID',
        `kv1KeyFormat: ${name} is well-formed text, not ${JSON.stringify(text)}`,
      );
    }
  }
}

function checkScope({ modelName, worldSize, workerId, tags }: KeyScope): void {
  if (modelName === '') throw invalid('scope.modelName is empty');
  if (!Number.isSafeInteger(worldSize) || worldSize < 1) {
    throw invalid(`scope.worldSize is a positive integer, not ${worldSize}`);
  }
  if (!Number.isSafeInteger(workerId) || workerId < 0 || workerId >= worldSize) {
    throw invalid(`scope.workerId is an integer from 0 to ${worldSize - 1}, below the world size, not ${workerId}`);
  }
  // JSON writes a lone surrogate as an escape, and UTF-8 cannot: two names would be one.
  for (const text of [modelName, ...tags.flat()]) {
    if (!text.isWellFormed()) throw invalid(`${JSON.stringify(text)} has a lone surrogate`);
  }
}

function invalid(reason: string): KvferryError {
  return new KvferryError('INVALID_ARGUMENT', reason);
}
