import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import {
  type BackendDriver,
  type BackendPlugin,
  type Batch,
  type DeleteResult,
  defineBackend,
  type ErrorCode,
  type GetItem,
  type GetResult,
  KvferryError,
  keyProblem,
  type ListEntry,
  type PutItem,
  type PutMode,
  type PutResult,
  type RemoteBackend,
  type StatResult,
} from '@kvferry/core';
import Database from 'better-sqlite3';

/** Opens `sqlite:///path/of/the/file.db` from an LMCache configuration. It has no options. */
export const backendPlugin: BackendPlugin = {
  scheme: 'sqlite',
  open({ url, options }) {
    const [unknown] = Object.keys(options);
    if (unknown !== undefined) throw new KvferryError('CONFIG_INVALID', `sqlite has no option "${unknown}"`);
    return sqliteBackend({ path: url.slice('sqlite://'.length) });
  },
};

/** Makes a backend over one SQLite file, which any number of processes may share. `open` creates the file, not its folder. */
export function sqliteBackend({ path }: { readonly path: string }): RemoteBackend {
  if (path === '') throw new KvferryError('CONFIG_INVALID', 'path is that of a file: sqlite:///path/of/the/file.db');
  return defineBackend(new SqliteDriver(resolve(path)));
}

interface Found {
  readonly byteLength: number;
  readonly crc32: number;
  /** `null` where it does not fit. */
  readonly value: Buffer | null;
}

/** How long a write of another process is waited for; SQLite waits on this thread, so not long. */
const BUSY_MS = 1000;
const PAGE = 500;

class SqliteDriver implements BackendDriver {
  readonly info: BackendDriver['info'];
  // SQLite takes rows of 10^9 bytes; the rest is for the key.
  readonly capabilities = {
    delete: true,
    list: true,
    create: true,
    limits: { maxValueBytes: 999_999_000, maxKeyBytes: 512 },
  };
  #open: Database.Database | undefined;

  constructor(path: string) {
    this.info = { scheme: 'sqlite', namespace: path, details: { checksum: 'crc32' } };
  }

  async open(): Promise<void> {
    const folder = dirname(this.info.namespace);
    if (!existsSync(folder)) throw new KvferryError('NAMESPACE_NOT_FOUND', `there is no folder ${folder}`);
    const database = withCodes(() => new Database(this.info.namespace, { timeout: BUSY_MS }));
    try {
      database.pragma('journal_mode = WAL');
      // A value torn by a power failure is found by its checksum.
      database.pragma('synchronous = NORMAL');
      database.exec(
        'CREATE TABLE IF NOT EXISTS chunks (key TEXT PRIMARY KEY, crc32 INTEGER NOT NULL, value BLOB NOT NULL)',
      );
      this.#open = database;
    } catch (thrown) {
      database.close();
      throw errorOf(thrown);
    }
  }

  stat(batch: Batch<string, StatResult>): Promise<void> {
    const query = this.#sql('SELECT length(value) AS byteLength FROM chunks WHERE key = ?');
    return eachInTurn(batch, (key): StatResult => {
      const found = query.get(key) as Pick<Found, 'byteLength'> | undefined;
      return found === undefined ? { status: 'miss' } : { status: 'hit', byteLength: found.byteLength };
    });
  }

  get(batch: Batch<GetItem, GetResult>): Promise<void> {
    // A value that does not fit is not read.
    const query = this.#sql(
      'SELECT crc32, length(value) AS byteLength, iif(length(value) <= ?, value, NULL) AS value FROM chunks WHERE key = ?',
    );
    return eachInTurn(batch, ({ key, into }): GetResult => {
      const found = query.get(into.byteLength, key) as Found | undefined;
      if (found === undefined) return { status: 'miss' };
      const { byteLength, value } = found;
      if (value === null) {
        const reason = `the value has ${byteLength} bytes, the buffer ${into.byteLength}`;
        throw new KvferryError('BUFFER_TOO_SMALL', reason, { requiredBytes: byteLength });
      }
      if (crc32(value) !== found.crc32) throw new KvferryError('CORRUPT', 'the value does not match its CRC32');
      into.set(value);
      return { status: 'hit', byteLength, verified: 'checksum' };
    });
  }

  put(batch: Batch<PutItem, PutResult>, mode: PutMode): Promise<void> {
    const onConflict = mode === 'create' ? 'NOTHING' : 'UPDATE SET crc32 = excluded.crc32, value = excluded.value';
    const insert = this.#sql(`INSERT INTO chunks VALUES (?, ?, ?) ON CONFLICT (key) DO ${onConflict}`);
    return eachInTurn(batch, ({ key, parts }): PutResult => {
      // One copy: SQLite takes a value in one piece.
      const value = Buffer.concat(parts);
      return { status: insert.run(key, crc32(value), value).changes === 0 ? 'exists' : 'stored' };
    });
  }

  delete(batch: Batch<string, DeleteResult>): Promise<void> {
    const remove = this.#sql('DELETE FROM chunks WHERE key = ?');
    return eachInTurn(batch, (key): DeleteResult => {
      remove.run(key);
      return { status: 'deleted' };
    });
  }

  async *list(prefix: string, signal: AbortSignal): AsyncGenerator<ListEntry> {
    // Keys are ordered by their bytes, so those with one prefix stand together, from the prefix itself on.
    const query = this.#sql(
      'SELECT key, length(value) AS byteLength FROM chunks WHERE key >= ? AND key > ? ORDER BY key LIMIT ?',
    );
    for (let last = '', rows = PAGE; rows === PAGE; ) {
      await nextTurn();
      signal.throwIfAborted();
      const page = withCodes(() => query.all(prefix, last, PAGE)) as ListEntry[];
      for (const entry of page) {
        if (!entry.key.startsWith(prefix)) return;
        if (keyProblem(entry.key) === undefined) yield entry;
      }
      rows = page.length;
      last = page.at(-1)?.key ?? '';
    }
  }

  async close(): Promise<void> {
    this.#open?.close();
  }

  #sql(text: string): Database.Statement {
    // Operations are called only while open.
    return withCodes(() => (this.#open as Database.Database).prepare(text));
  }
}

/** Answers each item on this thread, as SQLite does. Between two items everything else has its turn, an abort too. */
function eachInTurn<Item, Result>(batch: Batch<Item, Result>, run: (item: Item) => Result): Promise<void> {
  return batch.each(1, async (item) => {
    await nextTurn();
    batch.signal.throwIfAborted();
    return withCodes(() => run(item));
  });
}

function withCodes<Result>(run: () => Result): Result {
  try {
    return run();
  } catch (thrown) {
    throw errorOf(thrown);
  }
}

const codes: Readonly<Record<string, ErrorCode>> = {
  SQLITE_BUSY: 'UNAVAILABLE',
  SQLITE_LOCKED: 'UNAVAILABLE',
  SQLITE_FULL: 'UNAVAILABLE',
  SQLITE_IOERR: 'UNAVAILABLE',
  SQLITE_CANTOPEN: 'NAMESPACE_NOT_FOUND',
  SQLITE_PERM: 'PERMISSION_DENIED',
  SQLITE_READONLY: 'PERMISSION_DENIED',
  SQLITE_CORRUPT: 'CORRUPT',
  SQLITE_NOTADB: 'CORRUPT',
  SQLITE_TOOBIG: 'TOO_LARGE',
};

function errorOf(thrown: unknown): unknown {
  if (KvferryError.is(thrown) || !(thrown instanceof Error)) return thrown;
  // An extended code, such as SQLITE_IOERR_READ, begins with the plain one.
  const name = 'code' in thrown ? String(thrown.code).split('_').slice(0, 2).join('_') : '';
  return new KvferryError(codes[name] ?? 'UNKNOWN', thrown.message, { cause: thrown });
}
