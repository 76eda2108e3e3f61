import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { KvferryError } from '@kvferry/core';
import { loadConfig } from 'kvferry';
import { bareBackends, frontOf } from './seat.ts';
import type { OpenStore, StoreRequest } from './types.ts';

/** The memory of whoever opens it, which needs nothing and leaves nothing. */
export async function openMemoryStore(request: StoreRequest, url: string | undefined): Promise<OpenStore> {
  if (url !== undefined && !url.startsWith('memory://')) throw wrongTarget('memory', url, 'it has no store to name');
  const loaded = request.loaded ?? (await loadConfig({ env: { LMCACHE_REMOTE_URL: `memory://${request.runFolder}` } }));
  return {
    backend: 'memory',
    target: 'memory',
    words: 'the memory of this process, which nothing leaves',
    identity: 'this process',
    place: 'a Map',
    afterwards: 'It is gone with the process.',
    keyPrefix: frontOf(loaded),
    isOwn: true,
    details: {},
    seat: { loaded, backends: [], overrides: {} },
    s3: undefined,
    prepare: async () => {},
    remove: async () => undefined,
    close: async () => {},
  };
}

/** The folder of `file://<folder>`, or one of the run's own. */
export async function openFileStore(request: StoreRequest, url: string | undefined): Promise<OpenStore> {
  if (url !== undefined && !/^file:\/\/(?:localhost|\.{1,2})?\//i.test(url)) {
    throw wrongTarget('file', url, 'name a folder as file:///<folder>, or none for a temporary one');
  }
  const named = url?.replace(/^file:\/\/(?:localhost)?/i, '');
  // TMPDIR may be relative, and what it begins with would be a host.
  const path = resolve(named ?? (await mkdtemp(join(tmpdir(), `${request.runFolder}-`))));
  const loaded = request.loaded ?? (await loadConfig({ env: { LMCACHE_REMOTE_URL: `file://${path}` } }));
  const keyPrefix = frontOf(loaded);
  const seat = { loaded, backends: [], overrides: {} };
  return {
    backend: 'file',
    target: `file://${path}`,
    words: named === undefined ? 'a temporary folder' : 'the file system',
    identity: `the user ${userInfo().username}`,
    place: `the folder ${path}`,
    afterwards: named === undefined ? 'The folder is removed at the end.' : 'They are removed at the end.',
    keyPrefix,
    isOwn: named === undefined,
    details: {},
    seat,
    s3: undefined,
    async prepare(signal) {
      const backend = (await bareBackends(seat))();
      await backend.open({ signal }).finally(() => backend.close());
    },
    async remove() {
      if (named === undefined) return undefined;
      // The backend deletes files and lets empty folders stay.
      const left = join(path, keyPrefix, request.runFolder);
      await rm(left, { recursive: true, force: true });
      return `Nothing is left in ${left}.`;
    },
    async close() {
      if (named === undefined) await rm(path, { recursive: true, force: true });
    },
  };
}

function wrongTarget(backend: string, url: string, reason: string): KvferryError {
  return new KvferryError('INVALID_ARGUMENT', `--target ${url} is nothing for the ${backend} backend: ${reason}`);
}
