import type { Dtype } from '@kvferry/core';

/** The contract of this package: LMCache's formats, pure. Nothing here reads a file, an environment or a network. */

/** Where a value came from. A file's lines count from 1; line 0 is the file as a whole. */
export type ConfigSource =
  | { readonly kind: 'default' }
  | { readonly kind: 'file'; readonly file: string; readonly line: number }
  | { readonly kind: 'environment'; readonly variable: string };

/** One thing to say about a configuration. */
export interface ConfigFinding {
  readonly severity: 'error' | 'warning';
  /** `chunk_size`, or `extra_config.s3_region`. */
  readonly key: string;
  /** The value as the user wrote it; never the value of a credential. */
  readonly value: string;
  readonly source: ConfigSource;
  /** What is wrong: a sentence. */
  readonly problem: string;
  /** What to write instead: the line itself, or a sentence. */
  readonly fix: string;
  /** `store`: matters only when the store that the file names is opened (placeholders). `always` else. */
  readonly scope: 'always' | 'store';
}

/** A value in force and where it came from. */
export interface ConfigEntry {
  readonly key: string;
  /** For showing to a person: a credential is `(set)`. */
  readonly shown: string;
  readonly source: ConfigSource;
  /** Whether it does anything here, or is a feature of LMCache's alone. */
  readonly effect: 'yes' | 'none';
}

/** What kvferry takes from an LMCache configuration. Names and meanings are LMCache's; units stand in the names where LMCache's do not have them. */
export interface LmcacheConfig {
  readonly chunkTokens: number;
  readonly localCpu: boolean;
  /** Budget of the CPU pool, in bytes (`max_local_cpu_size` is GiB). 0: no pool, so nothing is kept in memory. */
  readonly maxLocalCpuBytes: number;
  readonly cachePolicy: 'LRU' | 'LFU' | 'FIFO' | 'MRU';
  readonly saveUnfullChunk: boolean;
  /** `undefined`: no remote. */
  readonly remoteUrl: string | undefined;
  readonly remoteSerde: 'naive';
  /** At most 24 days, which stand for ever: no timer is longer. So with `pinTimeoutMs`. */
  readonly blockingTimeoutMs: number;
  readonly pinTimeoutMs: number;
  readonly enableAsyncLoading: boolean;
  readonly minRetrieveTokens: number;
  /** As written: `builtin`, `sha256_cbor`, `sha256_cbor_64bit` (a synonym), or another name, which LMCache takes as Python's hash. */
  readonly hashAlgorithm: string;
  /** MLA: only rank 0 stores. `undefined`: not set, on for MLA. */
  readonly saveOnlyFirstRank: boolean | undefined;
  readonly remoteEnableMlaWorkerIdAs0: boolean | undefined;
  readonly s3: LmcacheS3Config;
  /** The map `extra_config.kvferry`, which LMCache ignores. */
  readonly kvferry: KvferryExtension;
  /** Whether `kvferry.pythonHashSeed` is `PYTHONHASHSEED` of the environment read, and so less than an engine's own word. */
  readonly hashSeedFromEnvironment: boolean;
}

/** The S3 keys of `extra_config`. */
export interface LmcacheS3Config {
  readonly region: string | undefined;
  readonly ioThreads: number;
  /** As set in the file; `undefined` when it does not say, which kvferry takes as false. */
  readonly preferHttp2: boolean | undefined;
  readonly enableS3Express: boolean;
  readonly disableTls: boolean;
  /** Both keys, or none. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined;
}

/** What LMCache's file cannot say. Every key is optional; an unknown one is an error with the nearest known name. */
export interface KvferryExtension {
  readonly provider?: string | undefined;
  /** What the store can do, in place of the provider's profile: as written, keys in snake case. */
  readonly providerProfile?: Readonly<Record<string, unknown>> | undefined;
  /** Looking a chunk up makes the store load it into a cache near the reader. */
  readonly prestage?: boolean | undefined;
  /** URL or host of the store, in place of what `remote_url` implies. */
  readonly endpoint?: string | undefined;
  readonly bucket?: string | undefined;
  readonly addressing?: 'auto' | 'virtual' | 'path' | undefined;
  readonly caFile?: string | undefined;
  /** Profile of the shared AWS configuration files. */
  readonly profile?: string | undefined;
  readonly sessionToken?: string | undefined;
  readonly keyPrefix?: string | undefined;
  /** `'random'` where it is unset in the engine; text as in `PYTHONHASHSEED`. */
  readonly pythonHashSeed?: string | undefined;
  readonly pythonVersion?: string | undefined;
  readonly vllm?: boolean | undefined;
  /** Start of the hash chain, in decimal, in place of what the rules give. */
  readonly noneHash?: string | undefined;
  readonly era?: 'current' | '0.4.1' | 'mp' | undefined;
  /** Whose key form: LMCache's, or kvferry's own, for a bucket that is kvferry's alone. */
  readonly keyFormat?: 'lmcache' | 'kv1' | undefined;
  /** Keeps apart what is otherwise the same. In the keys of `era: mp` and in `kv1`. */
  readonly cacheSalt?: string | undefined;
  /** Revision of the model's weights. In `kv1` alone, as the next two. */
  readonly revision?: string | undefined;
  /** Adapter on top of the model, such as a LoRA. */
  readonly adapter?: string | undefined;
  /** How the cache is quantised, where its element type does not say it. */
  readonly quantisation?: string | undefined;
  /** Packages of further backends to load. */
  readonly backends?: readonly string[] | undefined;
  /** Options of a backend that such a package brings, as written. */
  readonly options?: Readonly<Record<string, unknown>> | undefined;
  readonly verify?: 'fast' | 'full' | 'length' | undefined;
}

export interface ParsedConfig {
  readonly config: LmcacheConfig;
  /** Every key that is known, set or not, in the order of the table. */
  readonly entries: readonly ConfigEntry[];
  /** Empty, or all there is to say, in the order of the file. With an error among them `config` has defaults in their places and must not be used. */
  readonly findings: readonly ConfigFinding[];
}

export interface ParseInput {
  /** The YAML text; `undefined` for environment and defaults alone. */
  readonly text: string | undefined;
  /** Name of the file, for findings. */
  readonly file: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Values for `{NAME}` placeholders in the text. */
  readonly placeholders: Readonly<Record<string, string>>;
}

/** What `remote_url` and `extra_config` name, decided without opening anything. */
export type RemoteTarget =
  | { readonly kind: 'none' }
  | {
      readonly kind: 's3' | 's3-express' | 's3-compatible';
      readonly bucket: string;
      /** Region to sign for. */
      readonly region: string;
      readonly scheme: 'http' | 'https';
      /** Host of the store without the bucket, and port, such as `s3.us-east-1.amazonaws.com` or `127.0.0.1:9000`. */
      readonly endpointHost: string;
      readonly addressing: 'auto' | 'virtual' | 'path';
      /** `aws`, `coreweave`, …, or `generic`. */
      readonly provider: string;
    }
  /** `url` as written, but for the host of `file://localhost/path`, which is this machine. */
  | { readonly kind: 'plugin'; readonly scheme: string; readonly url: string };

/** How the chunk hashes of an engine come about; everything here changes every hash. */
export interface HashSettings {
  /** As in `pre_caching_hash_algorithm`. */
  readonly algorithm: string;
  /** Whether vLLM's hash functions are there; without them every name is Python's hash. */
  readonly vllm: boolean;
  /** `PYTHONHASHSEED` of the engine; `null`: not set. */
  readonly pythonHashSeed: string | null;
  /** Which SipHash strings are hashed with: 2-4 up to Python 3.10, 1-3 from 3.11. */
  readonly python: 'up-to-3.10' | 'from-3.11';
  /** Start of the chain, in place of the rule. */
  readonly noneHash?: bigint | undefined;
  readonly era: 'current' | '0.4.1';
}

/** An engine's KV cache as LMCache's metadata has it. */
export interface KvShape {
  /** Layers of this pipeline stage. */
  readonly layers: number;
  /** KV heads of this rank. */
  readonly kvHeads: number;
  readonly headSize: number;
  readonly mla: boolean;
  readonly dtype: Dtype;
}
