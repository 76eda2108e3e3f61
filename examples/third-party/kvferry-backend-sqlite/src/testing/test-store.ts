import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Target } from '@kvferry/conformance';
import Database from 'better-sqlite3';

/** A file for one run of the tests, and the ways to it past the backend. */
export interface TestStore {
  readonly path: string;
  readonly raw: { readonly [Name in 'rawRead' | 'rawWrite' | 'close']: NonNullable<Target[Name]> };
}

export function makeTestStore(): TestStore {
  const folder = mkdtempSync(join(tmpdir(), 'kvferry-sqlite-'));
  const path = join(folder, 'chunks.db');
  function query(sql: string, ...values: unknown[]): Buffer | undefined {
    const database = new Database(path);
    try {
      return database
        .prepare(sql)
        .pluck()
        .get(...values) as Buffer | undefined;
    } finally {
      database.close();
    }
  }
  return {
    path,
    raw: {
      rawRead: async (key) => query('SELECT value FROM chunks WHERE key = ?', key),
      // With a checksum that is another value's.
      rawWrite: async (key, bytes) => {
        query('INSERT OR REPLACE INTO chunks VALUES (?, 1, ?) RETURNING key', key, Buffer.from(bytes));
      },
      close: () => rm(folder, { recursive: true }),
    },
  };
}
