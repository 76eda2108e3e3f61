import type { Failed, GetItem, ListEntry, PutItem } from '../backend.ts';
import { defineBackend } from '../define-backend.ts';
import type { Batch, Layer } from '../driver.ts';
import { KvferryError } from '../errors.ts';
import { type Key, keyProblem } from '../keys.ts';
import { assertKnownOptions } from '../options.ts';

export interface KeyPrefixOptions {
  /** Put in front of every key, with a `/` between. A valid key, such as `kv/prod`. */
  readonly prefix: string;
}

/**
 * Keeps all keys under a prefix of the inner backend, unseen from outside. The longest key is shorter by the prefix: see `capabilities.limits.maxKeyBytes`.
 * Throws CONFIG_INVALID for a prefix that is no valid key, or leaves no room for one.
 */
export function keyPrefix(options: KeyPrefixOptions): Layer {
  assertKnownOptions('keyPrefix', options, ['prefix']);
  const problem = keyProblem(options.prefix);
  if (problem !== undefined) throw new KvferryError('CONFIG_INVALID', `keyPrefix: prefix: ${problem}`);
  const front = `${options.prefix}/`;

  return (inner) => {
    const { limits } = inner.capabilities;
    const maxKeyBytes = limits.maxKeyBytes - Buffer.byteLength(front);
    if (maxKeyBytes < 1) {
      throw new KvferryError(
        'CONFIG_INVALID',
        `keyPrefix: prefix: leaves no room in keys of ${limits.maxKeyBytes} bytes`,
      );
    }
    return defineBackend({
      get info() {
        return { ...inner.info, namespace: `${inner.info.namespace}/${options.prefix}` };
      },
      capabilities: { ...inner.capabilities, limits: { ...limits, maxKeyBytes } },
      open: (signal) => inner.open({ signal }),
      close: () => inner.close(),
      stat: (batch) => underPrefix(batch, front, keyItem, (items, call) => inner.stat(items, call)),
      get: (batch) => underPrefix(batch, front, getItem, (items, call) => inner.get(items, call)),
      put: (batch, mode) => underPrefix(batch, front, putItem, (items, call) => inner.put(items, { ...call, mode })),
      delete: (batch) => underPrefix(batch, front, keyItem, (items, call) => inner.delete(items, call)),
      async *list(prefix, signal): AsyncIterable<ListEntry> {
        for await (const { key, byteLength, modifiedMs } of inner.list({ prefix: front + prefix, signal })) {
          yield { key: key.slice(front.length), byteLength, modifiedMs };
        }
      },
    });
  };
}

/** How an item's key is read and replaced. */
interface ItemShape<Item> {
  keyOf(item: Item): Key;
  withKey(item: Item, key: Key): Item;
}

const keyItem: ItemShape<Key> = { keyOf: (key) => key, withKey: (_, key) => key };

const getItem: ItemShape<GetItem> = { keyOf: (item) => item.key, withKey: (item, key) => ({ ...item, key }) };
const putItem: ItemShape<PutItem> = { keyOf: (item) => item.key, withKey: (item, key) => ({ ...item, key }) };

interface InnerCall<Result> {
  readonly signal: AbortSignal;
  readonly onSettled: (index: number, result: Result) => void;
}

/** Passes a batch on under longer keys. */
async function underPrefix<Item, Result extends { readonly status: string }>(
  batch: Batch<Item, Result>,
  front: string,
  { keyOf, withKey }: ItemShape<Item>,
  call: (items: readonly Item[], options: InnerCall<Result>) => Promise<unknown>,
): Promise<void> {
  await call(
    batch.items.map((item) => withKey(item, front + keyOf(item))),
    {
      signal: batch.signal,
      onSettled: (index, result) => batch.settle(index, underKey(result, keyOf(batch.items[index] as Item))),
    },
  );
}

/** A failure names the key and, filled in outside, the backend that the caller knows; everything else is as it was. */
function underKey<Result extends { readonly status: string }>(result: Result, key: Key): Result {
  if (result.status !== 'failed') return result;
  const { error } = result as unknown as Failed;
  // A cause is no enumerable field.
  return {
    ...result,
    error: new KvferryError(error.code, error.reason, { ...error, key, backend: undefined, cause: error.cause }),
  };
}
