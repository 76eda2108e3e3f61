import { randomBytes } from 'node:crypto';
import { constants, type Dirent } from 'node:fs';
import { type FileHandle, link, mkdir, open, opendir, readdir, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
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
import { assertKnownOptions } from '../options.ts';
import { errnoOf, fileError } from './file-errors.ts';
import { readInto, throwIfAborted, writeParts } from './file-io.ts';
import { fileNameOf, keyOfFileName, keyPrefixOfFolder } from './file-name.ts';

export interface FileBackendOptions {
  /** The folder that holds the store, created by `open` where it is missing. Relative paths start at the current folder. No default. */
  readonly path: string;
}

/**
 * Makes a backend over a folder, which any number of processes may share: one file per key, with a name that a person can read.
 *
 * **Writes** go to a temporary file in the same folder tree, which is then renamed (`replace`) or linked (`create`) to its name, so that a
 * reader sees a whole value or none. Before that the file's data is flushed to the disk (`fdatasync`): a value has no checksum here, and
 * without the flush a power failure leaves files of the right name with a part of their bytes. The folder's entry is not flushed: after
 * a power failure a value may be missing, and a cache takes that for a miss. `create` needs hard links; where the file system has none,
 * its items are failed with UNSUPPORTED.
 *
 * **Reads** go straight into the caller's memory. A file whose length changes meanwhile is CORRUPT.
 *
 * **Leftovers** of writers that crashed are never listed; `open` removes those that nobody has written to for an hour. Files that are not
 * of this store are left alone, and empty folders stay.
 *
 * A missing folder is NAMESPACE_NOT_FOUND, never a miss. No space left is UNAVAILABLE: the same value fits once something has been removed.
 * Throws CONFIG_INVALID, naming the option.
 */
export function fileBackend(options: FileBackendOptions): RemoteBackend {
  assertKnownOptions('fileBackend', options, ['path']);
  const { path } = options;
  if (typeof path !== 'string' || path === '' || path.includes('\0')) {
    throw new KvferryError('CONFIG_INVALID', 'fileBackend: path is the path of a folder');
  }
  return defineBackend(new FileDriver(resolve(path)));
}

/** Node runs file operations on four threads by default; twice as many under way keep them busy. */
const CONCURRENCY = 8;
/** A put writes without a pause, so a temporary file that has rested for an hour has lost its writer. */
const LEFTOVER_MS = 3_600_000;
/** No encoded name begins with `~`, so this is no folder of keys. */
const TEMPORARY_FOLDER = '~tmp';
const temporaryName = /^\d+-[0-9a-f]{16}\.part$/;
/** Without O_NONBLOCK, opening a pipe that somebody put there waits for ever. Windows has neither. */
const READ_FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
const LIST_PAGE = 64;

class FileDriver implements BackendDriver {
  readonly info: BackendInfo;
  readonly capabilities: Capabilities = {
    delete: true,
    list: true,
    create: true,
    limits: { maxValueBytes: Number.MAX_SAFE_INTEGER, maxKeyBytes: MAX_KEY_BYTES },
  };
  readonly #folder: string;
  readonly #temporaryFolder: string;

  constructor(folder: string) {
    this.info = { scheme: 'file', namespace: folder, details: {} };
    this.#folder = folder;
    this.#temporaryFolder = join(folder, TEMPORARY_FOLDER);
  }

  async open(signal: AbortSignal): Promise<void> {
    try {
      await makeFolder(this.#temporaryFolder);
      await this.#removeLeftovers(signal);
    } catch (thrown) {
      const code = errnoOf(thrown);
      if (code !== 'EEXIST' && code !== 'ENOTDIR') throw fileError(thrown, this.#folder);
      const reason = `path is not a folder, or lies below a file: ${this.#folder}; name another`;
      throw new KvferryError('CONFIG_INVALID', reason, { cause: thrown });
    }
  }

  stat(batch: Batch<Key, StatResult>): Promise<void> {
    return batch.each(CONCURRENCY, async (key) => {
      const path = this.#pathOf(key);
      try {
        const found = await stat(path);
        if (!found.isFile()) throw notAFile(path);
        return { status: 'hit', byteLength: found.size };
      } catch (thrown) {
        return this.#missOrThrow(thrown, path);
      }
    });
  }

  get(batch: Batch<GetItem, GetResult>): Promise<void> {
    return batch.each(CONCURRENCY, async ({ key, into }) => {
      const path = this.#pathOf(key);
      try {
        const file = await open(path, READ_FLAGS);
        try {
          return await this.#read(file, path, into, batch.signal);
        } finally {
          await file.close();
        }
      } catch (thrown) {
        return this.#missOrThrow(thrown, path);
      }
    });
  }

  async #read(file: FileHandle, path: string, into: Uint8Array, signal: AbortSignal): Promise<GetResult> {
    const before = await file.stat();
    if (!before.isFile()) throw notAFile(path);
    const byteLength = before.size;
    if (byteLength > into.byteLength) {
      throw new KvferryError('BUFFER_TOO_SMALL', `the value has ${byteLength} bytes, the buffer ${into.byteLength}`, {
        requiredBytes: byteLength,
      });
    }
    await readInto(file, into.subarray(0, byteLength), signal);
    const after = await file.stat();
    if (after.size !== byteLength) {
      throw new KvferryError('CORRUPT', `${path} changed from ${byteLength} to ${after.size} bytes while it was read`);
    }
    return { status: 'hit', byteLength, verified: 'length' };
  }

  put(batch: Batch<PutItem, PutResult>, mode: PutMode): Promise<void> {
    return batch.each(CONCURRENCY, async ({ key, parts }) => {
      const path = this.#pathOf(key);
      try {
        // Spares the writing; who wins among those that find nothing here is decided by `linkOnce`.
        if (mode === 'create' && (await fileExists(path))) return { status: 'exists' };
        return await this.#write(path, parts, mode, batch.signal);
      } catch (thrown) {
        throw fileError(thrown, errnoOf(thrown) === 'ENOENT' ? this.#temporaryFolder : path);
      }
    });
  }

  async #write(path: string, parts: readonly Uint8Array[], mode: PutMode, signal: AbortSignal): Promise<PutResult> {
    const temporary = join(this.#temporaryFolder, `${process.pid}-${randomBytes(8).toString('hex')}.part`);
    const file = await open(temporary, 'wx');
    let renamed = false;
    try {
      try {
        await writeParts(file, parts, signal);
        await file.datasync();
      } finally {
        await file.close();
      }
      throwIfAborted(signal);
      if (mode === 'create') return await linkOnce(temporary, path);
      await withFolder(path, () => rename(temporary, path));
      renamed = true;
      return { status: 'stored' };
    } finally {
      if (!renamed) await removeIfThere(temporary);
    }
  }

  delete(batch: Batch<Key, DeleteResult>): Promise<void> {
    return batch.each(CONCURRENCY, async (key) => {
      const path = this.#pathOf(key);
      try {
        await unlink(path);
      } catch (thrown) {
        await this.#missOrThrow(thrown, path);
      }
      return { status: 'deleted' };
    });
  }

  async *list(prefix: string, signal: AbortSignal): AsyncGenerator<ListEntry> {
    try {
      await stat(this.#temporaryFolder);
      yield* this.#listFolder('', prefix, signal);
    } catch (thrown) {
      throw fileError(thrown, this.#folder);
    }
  }

  async *#listFolder(folder: string, prefix: string, signal: AbortSignal): AsyncGenerator<ListEntry> {
    for await (const page of pagesOf(join(this.#folder, folder))) {
      throwIfAborted(signal);
      const found: Promise<ListEntry | undefined>[] = [];
      const folders: string[] = [];
      for (const entry of page) {
        const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
        if (entry.isDirectory()) folders.push(path);
        else if (entry.isFile()) found.push(this.#entryOf(path, prefix));
      }
      for (const entry of await Promise.all(found)) if (entry !== undefined) yield entry;
      for (const path of folders) {
        const start = keyPrefixOfFolder(path);
        if (start === undefined || !(start.startsWith(prefix) || prefix.startsWith(start))) continue;
        yield* this.#listFolder(path, prefix, signal);
      }
    }
  }

  async #entryOf(path: string, prefix: string): Promise<ListEntry | undefined> {
    const key = keyOfFileName(path);
    if (key === undefined || !key.startsWith(prefix)) return undefined;
    try {
      const { mtimeMs, size } = await stat(join(this.#folder, path));
      return { key, byteLength: size, modifiedMs: Math.floor(mtimeMs) };
    } catch (thrown) {
      // Deleted since its folder was read.
      if (errnoOf(thrown) === 'ENOENT') return undefined;
      throw fileError(thrown, join(this.#folder, path));
    }
  }

  async close(): Promise<void> {}

  #pathOf(key: Key): string {
    return join(this.#folder, fileNameOf(key));
  }

  /** A file that is not there is a miss only while the store itself is: an unmounted folder is empty too. */
  async #missOrThrow(thrown: unknown, path: string): Promise<{ readonly status: 'miss' }> {
    if (errnoOf(thrown) !== 'ENOENT') throw fileError(thrown, path);
    try {
      await stat(this.#temporaryFolder);
    } catch (gone) {
      throw fileError(gone, this.#temporaryFolder);
    }
    return { status: 'miss' };
  }

  async #removeLeftovers(signal: AbortSignal): Promise<void> {
    const newest = Date.now() - LEFTOVER_MS;
    for (const name of await readdir(this.#temporaryFolder)) {
      throwIfAborted(signal);
      if (!temporaryName.test(name)) continue;
      const path = join(this.#temporaryFolder, name);
      try {
        if ((await stat(path)).mtimeMs < newest) await unlink(path);
      } catch (thrown) {
        // Another process was quicker, or it is another user's: neither keeps this one from working.
        const code = errnoOf(thrown);
        if (code !== 'ENOENT' && code !== 'EACCES' && code !== 'EPERM' && code !== 'EROFS') throw thrown;
      }
    }
  }
}

/** Of many processes that link a file to one name, the file system lets one succeed. */
async function linkOnce(temporary: string, path: string): Promise<PutResult> {
  try {
    await withFolder(path, () => link(temporary, path));
    return { status: 'stored' };
  } catch (thrown) {
    const code = errnoOf(thrown);
    if (code === 'EEXIST') return { status: 'exists' };
    if (code === 'EPERM' || code === 'ENOTSUP' || code === 'EOPNOTSUPP' || code === 'ENOSYS') {
      throw new KvferryError(
        'UNSUPPORTED',
        `${path}: the file system has no hard links, which mode 'create' needs; use 'replace'`,
        { cause: thrown },
      );
    }
    throw thrown;
  }
}

/** Folders are made when one turns out to be missing: in a store that has been in use they are there. */
async function withFolder(path: string, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (thrown) {
    if (errnoOf(thrown) !== 'ENOENT') throw thrown;
    await makeFolder(dirname(path));
    await run();
  }
}

/**
 * Makes a folder and those above it. Node's `recursive` (24.21, 26.10) tries for ever where a folder that is there takes no other and says ENOENT, as that of
 * an automounter does for a name it does not know.
 */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (thrown) {
    if (errnoOf(thrown) !== 'ENOENT' || dirname(path) === path) return needFolder(path, thrown);
    await makeFolder(dirname(path));
    await mkdir(path).catch((again: unknown) => needFolder(path, again));
  }
}

/** Throws why a folder was not made, unless it is there. */
async function needFolder(path: string, thrown: unknown): Promise<void> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder) throw thrown;
}

async function fileExists(path: string): Promise<boolean> {
  try {
    if (!(await stat(path)).isFile()) throw notAFile(path);
    return true;
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return false;
    throw thrown;
  }
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (thrown) {
    if (errnoOf(thrown) !== 'ENOENT') throw thrown;
  }
}

/** Entries of a folder, some at a time, so that a folder of a million files is never held whole. One that has gone meanwhile has none. */
async function* pagesOf(folder: string): AsyncGenerator<Dirent[]> {
  const entries = await opendir(folder, { bufferSize: LIST_PAGE }).catch((thrown: unknown) => {
    if (errnoOf(thrown) === 'ENOENT') return [];
    throw fileError(thrown, folder);
  });
  let page: Dirent[] = [];
  for await (const entry of entries) {
    page.push(entry);
    if (page.length < LIST_PAGE) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}

function notAFile(path: string): KvferryError {
  return new KvferryError('CONFIG_INVALID', `${path} is not a file; move it, or choose another folder for the store`);
}
