import { describeObjectKey, type ObjectKeyDescription } from '@kvferry/lmcache';

/** Whose an object is, by the form of its name. */
export type StoredSystem =
  /** Chunks of LMCache in process, of its multi-process server, under its drafted names; and what its health check leaves. */
  | 'lmcache'
  | 'lmcache-multi-process'
  | 'lmcache-v2'
  | 'lmcache-health-check'
  /** Chunks under kvferry's own names, and what their namespaces stand for. */
  | 'kvferry'
  | 'kvferry-namespaces'
  /** vLLM's object tier, and what it tries its connection with. */
  | 'vllm-object-tier'
  | 'vllm-probe'
  /** SGLang's HiCache, through NIXL, under its unified names, in SeaweedFS. */
  | 'sglang-nixl'
  | 'sglang-unified'
  | 'sglang-seaweedfs'
  /** Nothing that is known here. */
  | 'other';

/** Objects of a store that belong together: those of one rank of one model, or all that nothing more is known of. */
export interface StoredGroup {
  readonly system: StoredSystem;
  /** LMCache releases that write such names. */
  readonly releases: string | null;
  /** What stands in front of the names, without a slash at its end: the configuration's `key_prefix`, or one that the form of the names gives away. */
  readonly keyPrefix: string | null;
  /** As the name has it: mostly with another character in place of `/`. With kvferry's names it is the model's own. */
  readonly model: string | null;
  readonly worldSize: number | null;
  readonly rank: number | null;
  /** LMCache's name; with kvferry's names torch's. */
  readonly dtype: string | null;
  /** Of the multi-process server. */
  readonly cacheSalt: string | null;
  /** With kvferry's names: which namespace, and what the store says that it stands for. */
  readonly namespace: string | null;
  readonly description: Readonly<Record<string, unknown>> | null;
  /**
   * What chunk hashes look like. `python`: some are negative, as those of Python's `hash` are. `digest`: some are 2^63 or more, which those never are.
   * `mixed`: both. `null`: neither, or another system's.
   */
  readonly hashes: 'python' | 'digest' | 'mixed' | null;
  readonly objects: number;
  readonly bytes: number;
  /** When the first and the last of them was written (ISO 8601), as far as the store says. */
  readonly oldest: string | null;
  readonly newest: string | null;
  /** The most frequent lengths, at most five, the most frequent first. */
  readonly sizes: readonly { readonly bytes: number; readonly objects: number }[];
  /** Name of one of them. */
  readonly example: string;
}

/** What all objects of a group have in common. */
type GroupName = Pick<
  StoredGroup,
  'system' | 'releases' | 'keyPrefix' | 'model' | 'worldSize' | 'rank' | 'dtype' | 'cacheSalt' | 'namespace'
>;

/** Sums up objects by whose they are. */
export class StoredSummary {
  readonly #groups = new Map<string, GrowingGroup>();
  #objects = 0;
  #bytes = 0;

  get objects(): number {
    return this.#objects;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** `keyPrefix`: what a configuration puts in front of its keys; `''`: nothing. */
  add(name: string, keyPrefix: string, byteLength: number, modifiedMs: number | undefined): ObjectKeyDescription {
    const { described, prefix } = describe(name, keyPrefix);
    const common = { ...groupName(described), keyPrefix: prefix };
    const id = JSON.stringify(Object.values(common));
    let group = this.#groups.get(id);
    if (group === undefined) {
      group = new GrowingGroup(common, name);
      this.#groups.set(id, group);
    }
    group.add('hash' in described ? described.hash : '', byteLength, modifiedMs);
    this.#objects += 1;
    this.#bytes += byteLength;
    return described;
  }

  /** The largest first. */
  groups(): StoredGroup[] {
    const groups = [...this.#groups.values()].map((group) => group.finish());
    return groups.sort(
      (one, other) => other.bytes - one.bytes || other.objects - one.objects || (one.example < other.example ? -1 : 1),
    );
  }
}

interface Described {
  readonly described: ObjectKeyDescription;
  readonly prefix: string | null;
}

/** Tells a prefix from what stands behind it. */
function describe(name: string, keyPrefix: string): Described {
  if (keyPrefix !== '' && name.startsWith(`${keyPrefix}/`)) {
    return { described: describeObjectKey(name.slice(keyPrefix.length + 1)), prefix: keyPrefix };
  }
  const described = describeObjectKey(name);
  // No slash of a model's name is left in such names.
  if (described.kind === 'in-process') {
    const slash = described.model.lastIndexOf('/');
    if (slash === -1) return { described, prefix: null };
    const { model } = described;
    return { described: { ...described, model: model.slice(slash + 1) }, prefix: model.slice(0, slash) };
  }
  const own = described.kind === 'other' ? name.lastIndexOf('/kv1/') : -1;
  if (own === -1) return { described, prefix: null };
  const behind = describeObjectKey(name.slice(own + 1));
  return behind.kind === 'other' ? { described, prefix: null } : { described: behind, prefix: name.slice(0, own) };
}

const MOST_SIZES = 5;
/** Lengths beyond these many are not counted apart: of chunks there is one. */
const MOST_SIZES_SEEN = 1000;

class GrowingGroup {
  readonly #name: GroupName;
  readonly #example: string;
  readonly #sizes = new Map<number, number>();
  #objects = 0;
  #bytes = 0;
  #oldestMs = Number.POSITIVE_INFINITY;
  #newestMs = Number.NEGATIVE_INFINITY;
  #negative = false;
  #large = false;

  constructor(name: GroupName, example: string) {
    this.#name = name;
    this.#example = example;
  }

  add(hash: string, byteLength: number, modifiedMs: number | undefined): void {
    this.#objects += 1;
    this.#bytes += byteLength;
    this.#negative ||= hash.startsWith('-');
    this.#large ||= isLarge(hash);
    const seen = this.#sizes.get(byteLength);
    if (seen !== undefined || this.#sizes.size < MOST_SIZES_SEEN) this.#sizes.set(byteLength, (seen ?? 0) + 1);
    if (modifiedMs === undefined) return;
    this.#oldestMs = Math.min(this.#oldestMs, modifiedMs);
    this.#newestMs = Math.max(this.#newestMs, modifiedMs);
  }

  finish(): StoredGroup {
    const sizes = [...this.#sizes].map(([bytes, objects]) => ({ bytes, objects }));
    sizes.sort((one, other) => other.objects - one.objects || other.bytes - one.bytes);
    return {
      ...this.#name,
      description: null,
      hashes: this.#hashes(),
      objects: this.#objects,
      bytes: this.#bytes,
      oldest: timeText(this.#oldestMs),
      newest: timeText(this.#newestMs),
      sizes: sizes.slice(0, MOST_SIZES),
      example: this.#example,
    };
  }

  #hashes(): StoredGroup['hashes'] {
    if (this.#name.system !== 'lmcache' && this.#name.system !== 'kvferry') return null;
    if (this.#negative) return this.#large ? 'mixed' : 'python';
    return this.#large ? 'digest' : null;
  }
}

/** Whether a chunk's hash is one that Python's signed 64 bits cannot be. */
function isLarge(hash: string): boolean {
  return hash.length > 16 || (hash.length === 16 && !hash.startsWith('-') && hash >= '8');
}

function timeText(milliseconds: number): string | null {
  return Number.isFinite(milliseconds) ? new Date(milliseconds).toISOString() : null;
}

function groupName(described: ObjectKeyDescription): GroupName {
  switch (described.kind) {
    case 'in-process': {
      const { releases, model, worldSize, workerId, dtype } = described;
      return named('lmcache', { releases, model, ...ranks(worldSize, workerId), dtype: dtype ?? null });
    }
    case 'in-process-probe':
      return named('lmcache-health-check');
    case 'multi-process': {
      const { releases, model, kvRank, cacheSalt } = described;
      const [worldSize, rank] = [kvRank.slice(0, 2), kvRank.slice(2, 4)].map((pair) => Number.parseInt(pair, 16));
      return named('lmcache-multi-process', {
        releases,
        model,
        worldSize: worldSize ?? null,
        rank: rank ?? null,
        cacheSalt: cacheSalt ?? null,
      });
    }
    case 'lmcache-v2':
      return named('lmcache-v2');
    case 'kv1':
      return named('kvferry', { namespace: described.namespace });
    case 'kv1-namespace':
      return named('kvferry-namespaces');
    case 'vllm-object-tier':
      return named(described.kind, { model: described.model, rank: Number(described.rank) });
    case 'sglang-nixl':
    case 'sglang-seaweedfs':
      return named(described.kind, { model: described.model, ...ranks(described.worldSize, described.rank) });
    case 'sglang-unified':
    case 'vllm-probe':
    case 'other':
      return named(described.kind);
  }
}

function named(system: StoredSystem, name: Partial<GroupName> = {}): GroupName {
  const nothing = { releases: null, keyPrefix: null, model: null, worldSize: null, rank: null, dtype: null };
  return { system, ...nothing, cacheSalt: null, namespace: null, ...name };
}

function ranks(worldSize: string | undefined, rank: string | undefined): Pick<GroupName, 'worldSize' | 'rank'> {
  return { worldSize: wholeNumber(worldSize), rank: wholeNumber(rank) };
}

function wholeNumber(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : null;
}
