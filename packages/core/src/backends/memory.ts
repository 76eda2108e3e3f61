import { constants } from 'node:buffer';
import type {
  BackendInfo,
  Capabilities,
  DeleteResult,
  GetItem,
  GetResult,
  ListEntry,
  PutItem,
  PutMode,
  PutResult,
  RemoteBackend,
  StatResult,
} from '../backend.ts';
import { defineBackend } from '../define-backend.ts';
import type { BackendDriver, Batch } from '../driver.ts';
import { KvferryError } from '../errors.ts';
import { type Key, MAX_KEY_BYTES } from '../keys.ts';
import { assertKnownOptions, assertWholeNumber } from '../options.ts';

export interface MemoryBackendOptions {
  /** Names the store in messages. Default: `memory`. */
  readonly namespace?: string | undefined;
  /** The largest value, in bytes. Default: the largest buffer of this Node. */
  readonly maxValueBytes?: number | undefined;
}

/**
 * Makes a backend over a Map: the reference for tests and for authors of backends. Its values live as long as it is open and are
 * seen by nobody else. Throws CONFIG_INVALID, naming the option.
 */
export function memoryBackend(options: MemoryBackendOptions = {}): RemoteBackend {
  assertKnownOptions('memoryBackend', options, ['namespace', 'maxValueBytes']);
  const { namespace = 'memory', maxValueBytes = constants.MAX_LENGTH } = options;
  assertWholeNumber('memoryBackend', 'maxValueBytes', maxValueBytes, 0, constants.MAX_LENGTH);
  return defineBackend(new MemoryDriver(namespace, maxValueBytes));
}

interface StoredValue {
  readonly bytes: Uint8Array;
  readonly modifiedMs: number;
}

class MemoryDriver implements BackendDriver {
  readonly info: BackendInfo;
  readonly capabilities: Capabilities;
  readonly #values = new Map<Key, StoredValue>();

  constructor(namespace: string, maxValueBytes: number) {
    this.info = { scheme: 'memory', namespace, details: {} };
    this.capabilities = {
      delete: true,
      list: true,
      create: true,
      limits: { maxValueBytes, maxKeyBytes: MAX_KEY_BYTES },
    };
  }

  async open(): Promise<void> {}

  stat(batch: Batch<Key, StatResult>): Promise<void> {
    return batch.each(1, (key) => {
      const value = this.#values.get(key);
      return value === undefined ? { status: 'miss' } : { status: 'hit', byteLength: value.bytes.byteLength };
    });
  }

  get(batch: Batch<GetItem, GetResult>): Promise<void> {
    return batch.each(1, ({ key, into }) => {
      const value = this.#values.get(key);
      if (value === undefined) return { status: 'miss' };
      const { bytes } = value;
      const { byteLength } = bytes;
      if (byteLength > into.byteLength) {
        throw new KvferryError('BUFFER_TOO_SMALL', `the value has ${byteLength} bytes, the buffer ${into.byteLength}`, {
          requiredBytes: byteLength,
        });
      }
      into.set(bytes);
      return { status: 'hit', byteLength, verified: 'length' };
    });
  }

  put(batch: Batch<PutItem, PutResult>, mode: PutMode): Promise<void> {
    return batch.each(1, ({ key, parts }) => {
      // Nothing is awaited from this look to the `set` below, so of racing creates one wins.
      if (mode === 'create' && this.#values.has(key)) return { status: 'exists' };
      const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
      let offset = 0;
      for (const part of parts) {
        bytes.set(part, offset);
        offset += part.byteLength;
      }
      this.#values.set(key, { bytes, modifiedMs: Date.now() });
      return { status: 'stored' };
    });
  }

  delete(batch: Batch<Key, DeleteResult>): Promise<void> {
    return batch.each(1, (key) => {
      this.#values.delete(key);
      return { status: 'deleted' };
    });
  }

  async *list(prefix: string): AsyncGenerator<ListEntry> {
    for (const [key, { bytes, modifiedMs }] of this.#values) {
      if (key.startsWith(prefix)) yield { key, byteLength: bytes.byteLength, modifiedMs };
    }
  }

  async close(): Promise<void> {
    this.#values.clear();
  }
}
