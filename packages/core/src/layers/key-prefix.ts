import type { GetItem, ListEntry, PutItem } from '../backend.ts';
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
 * Keeps all keys under a prefix of the inner backend, unseen from outside. An item whose prefix and key are together too long for a key is `failed`
 * with INVALID_ARGUMENT. Throws CONFIG_INVALID for a prefix that is no valid key.
 */
export function keyPrefix(options: KeyPrefixOptions): Layer {
  assertKnownOptions('keyPrefix', options, ['prefix']);
  const problem = keyProblem(options.prefix);
  if (problem !== undefined) throw new KvferryError('CONFIG_INVALID', `keyPrefix: prefix: ${problem}`);
  const front = `${options.prefix}/`;

  return (inner) => {
    return defineBackend({
      get info() {
        return { ...inner.info, namespace: `${inner.info.namespace}/${options.prefix}` };
      },
      capabilities: inner.capabilities,
      open: (signal) => inner.open({ signal }),
      close: () => inner.close(),
      stat: (batch) => underPrefix(batch, front, keyItem, (items, call) => inner.stat(items, call)),
      get: (batch) => underPrefix(batch, front, getItem, (items, call) => inner.get(items, call)),
      put: (batch, mode) => underPrefix(batch, front, putItem, (items, call) => inner.put(items, { ...call, mode })),
      delete: (batch) => underPrefix(batch, front, keyItem, (items, call) => inner.delete(items, call)),
      async *list(prefix, signal): AsyncIterable<ListEntry> {
        for await (const entry of inner.list({ prefix: front + prefix, signal })) {
          yield { key: entry.key.slice(front.length), byteLength: entry.byteLength };
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

/** Passes a batch on under longer keys; answers the items that have no valid one itself. */
async function underPrefix<Item, Result>(
  batch: Batch<Item, Result>,
  front: string,
  shape: ItemShape<Item>,
  call: (items: readonly Item[], options: InnerCall<Result>) => Promise<unknown>,
): Promise<void> {
  const passed: Item[] = [];
  const indexes: number[] = [];
  for (const [index, item] of batch.items.entries()) {
    const key = front + shape.keyOf(item);
    const problem = keyProblem(key);
    if (problem === undefined) {
      passed.push(shape.withKey(item, key));
      indexes.push(index);
    } else {
      const error = new KvferryError('INVALID_ARGUMENT', `under the prefix ${JSON.stringify(front)} ${problem}`);
      batch.settle(index, { status: 'failed', error } as Result);
    }
  }
  if (passed.length === 0) return;
  await call(passed, {
    signal: batch.signal,
    onSettled: (index, result) => batch.settle(indexes[index] as number, result),
  });
}
