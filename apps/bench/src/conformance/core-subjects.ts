import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { fileBackend, KvferryError, memoryBackend } from '@kvferry/core';
import { runFolder, underPrefix } from './keys.ts';
import type { Subject, SubjectRequest } from './subject.ts';

/** The memory backend, which needs nothing and leaves nothing. */
export function memorySubject({ loaded }: SubjectRequest, url: string | undefined): Subject {
  if (url !== undefined && !url.startsWith('memory://')) throw wrongTarget('memory', url, 'it has no store to name');
  const prefixed = underPrefix(loaded);
  return {
    backend: 'memory',
    target: 'memory',
    store: 'the memory of this process, which nothing leaves',
    identity: 'this process',
    place: 'a Map',
    afterwards: 'It is gone with the process.',
    keyPrefix: prefixed.keyPrefix,
    suite: {
      capabilities: prefixed.layer(memoryBackend()).capabilities,
      createTarget: () => ({ create: () => prefixed.layer(memoryBackend()) }),
    },
    prepare: async () => {},
    remove: async () => undefined,
    close: async () => {},
  };
}

/** The file backend, in the folder of `file://<folder>` or in one of its own. */
export async function fileSubject({ loaded, runId }: SubjectRequest, url: string | undefined): Promise<Subject> {
  if (url !== undefined && !/^file:\/\/./.test(url)) {
    throw wrongTarget('file', url, 'name a folder as file://<folder>, or none for a temporary one');
  }
  const prefixed = underPrefix(loaded);
  const named = url?.slice('file://'.length);
  const path = named ?? (await mkdtemp(join(tmpdir(), 'kvferry-conformance-')));
  const create = () => prefixed.layer(fileBackend({ path }));
  return {
    backend: 'file',
    target: `file://${path}`,
    store: named === undefined ? 'a temporary folder' : 'the file system',
    identity: `the user ${userInfo().username}`,
    place: `the folder ${path}`,
    afterwards: named === undefined ? 'The folder is removed at the end.' : 'They are removed at the end.',
    keyPrefix: prefixed.keyPrefix,
    suite: { capabilities: create().capabilities, createTarget: () => ({ create }) },
    prepare: async () => {
      const backend = create();
      await backend.open().finally(() => backend.close());
    },
    async remove() {
      if (named === undefined) return undefined;
      // The backend deletes files and lets empty folders stay.
      const left = join(path, prefixed.keyPrefix, runFolder(runId));
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
