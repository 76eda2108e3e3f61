import { describeKv1Key } from '@kvferry/core';
import { lmcacheDtypeNames } from './dtype-names.ts';
import { describeForeignLayout, type ForeignLayout } from './foreign-layouts.ts';

/** What the name of an object says about who wrote it. */
export type ObjectKeyDescription =
  | {
      /** One chunk, or with `layer` one layer of it, by the in-process LMCache. */
      readonly kind: 'in-process';
      /** LMCache releases that write this form. Those from 0.3.13 on differ in hashes of 64 digits alone, which 0.4.6 and later fold to 16. */
      readonly releases: InProcessReleases;
      /** With `_` in place of `/`. */
      readonly model: string;
      readonly worldSize: string;
      readonly workerId: string;
      readonly hash: string;
      /** LMCache's name; `undefined` where the form has none. */
      readonly dtype: string | undefined;
      readonly layer: string | undefined;
      /** As they stand in the key, `name%value`. */
      readonly tags: readonly string[];
    }
  /** What LMCache's health check leaves behind. */
  | { readonly kind: 'in-process-probe' }
  | {
      readonly kind: 'multi-process';
      readonly releases: '0.4.7 and later' | '0.4.5 to 0.4.6';
      readonly model: string;
      /** Eight hex digits: world size, rank, and both again. */
      readonly kvRank: string;
      readonly hash: string;
      readonly cacheSalt: string | undefined;
    }
  /** What stands in a draft of LMCache, and in no release up to 0.5.7rc2: a digest of the key string. */
  | { readonly kind: 'lmcache-v2'; readonly hash: string }
  /** One chunk under kvferry's own form of keys. */
  | { readonly kind: 'kv1'; readonly namespace: string; readonly hash: string }
  /** What such a namespace stands for. */
  | { readonly kind: 'kv1-namespace'; readonly namespace: string }
  | ForeignLayout
  /** Nothing that is known here. */
  | { readonly kind: 'other' };

type InProcessReleases = '0.3.13 and later' | '0.3.13 to 0.4.5' | '0.3.9.post1 to 0.3.12' | '0.3.4 to 0.3.9';

const dtypeNames: ReadonlySet<string> = new Set([
  ...Object.values(lmcacheDtypeNames),
  // Before 0.3.14 one name stood for both e4m3 types.
  'fp8_e4m3',
]);

const eightHexDigits = /^[0-9a-f]{8}$/;
const digest = /^[0-9a-f]{64}$/;
const engines: ReadonlySet<string> = new Set(['vllm', 'sgl']);

/**
 * Recognises the form of an object's name, for tools that look through a bucket. Any name is taken, also one that is no valid key. Right as long as no
 * model name contains `@`; a name is not proof: it is what the form suggests.
 */
export function describeObjectKey(objectKey: string): ObjectKeyDescription {
  if (objectKey === 'test@1@0@0@bfloat16') return { kind: 'in-process-probe' };
  if (!objectKey.includes('@')) return withoutFields(objectKey);
  const fields = objectKey.split('@');
  const [first = '', second = '', third = '', fourth = '', fifth = '', sixth = ''] = fields;
  if (eightHexDigits.test(second)) {
    if (digest.test(fourth)) return multiProcess('0.4.7 and later', fields, 3);
    if (digest.test(third)) return multiProcess('0.4.5 to 0.4.6', fields, 2);
    return { kind: 'other' };
  }
  if (dtypeNames.has(fifth)) {
    return inProcess(digest.test(fourth) ? '0.3.13 to 0.4.5' : '0.3.13 and later', fields, 0, fifth);
  }
  // Up to 0.3.10 an object could lie under a configured prefix and a slash.
  const engine = first.slice(first.lastIndexOf('/') + 1);
  if (!engines.has(engine) || fields.length < 5) return { kind: 'other' };
  if (dtypeNames.has(sixth)) return inProcess('0.3.9.post1 to 0.3.12', fields, 1, sixth);
  return inProcess('0.3.4 to 0.3.9', fields, 1, undefined);
}

/** Of the forms that are no fields with `@` between them. */
function withoutFields(objectKey: string): ObjectKeyDescription {
  const own = describeKv1Key(objectKey);
  if (own !== undefined) {
    const { namespace } = own;
    return own.kind === 'chunk' ? { kind: 'kv1', namespace, hash: own.hash } : { kind: 'kv1-namespace', namespace };
  }
  const [, draft] = /^lmcache-v2\/([0-9a-f]{64})$/.exec(objectKey) ?? [];
  if (draft !== undefined) return { kind: 'lmcache-v2', hash: draft };
  return describeForeignLayout(objectKey) ?? { kind: 'other' };
}

function inProcess(
  releases: InProcessReleases,
  fields: readonly string[],
  from: number,
  dtype: string | undefined,
): ObjectKeyDescription {
  const [model = '', worldSize = '', workerId = '', hash = ''] = fields.slice(from, from + 4);
  const rest = fields.slice(from + (dtype === undefined ? 4 : 5));
  const layer = /^[0-9]+$/.test(rest[0] ?? '') ? rest[0] : undefined;
  const tags = layer === undefined ? rest : rest.slice(1);
  return { kind: 'in-process', releases, model, worldSize, workerId, hash, dtype, layer, tags };
}

function multiProcess(
  releases: '0.4.7 and later' | '0.4.5 to 0.4.6',
  fields: readonly string[],
  hashAt: number,
): ObjectKeyDescription {
  const [model = '', kvRank = ''] = fields;
  return { kind: 'multi-process', releases, model, kvRank, hash: fields[hashAt] ?? '', cacheSalt: fields[hashAt + 1] };
}
