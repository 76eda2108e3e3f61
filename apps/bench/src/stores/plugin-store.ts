import { KvferryError, type RemoteBackend } from '@kvferry/core';
import { loadConfig } from 'kvferry';
import { bareBackends, frontOf, underPrefix } from './seat.ts';
import type { OpenStore, StoreRequest } from './types.ts';

/** Keys that are deleted by one call. */
const DELETE_KEYS = 500;

/** The store of a URL whose backend a package or a file brings. That backend's own methods are the only way there. */
export async function openPluginStore(request: StoreRequest, url: string | undefined): Promise<OpenStore> {
  const { backend, runFolder } = request;
  if (url === undefined || !url.includes('://')) {
    const reason = `--backend ${backend} opens URLs: name a store as --target foo://…, or by --config <file> --live`;
    throw new KvferryError('INVALID_ARGUMENT', reason);
  }
  const loaded = request.loaded ?? (await loadConfig({ env: { LMCACHE_REMOTE_URL: url } }));
  // Some keep a password in there.
  const shown = url.replace(/(:\/\/)[^/?#]*@/, '$1…@');
  const seat = { loaded, backends: backend === undefined ? [] : [backend], overrides: {} };
  const keyPrefix = frontOf(loaded);
  // Loads the plug-in and makes one: what is wrong with it, or with the URL, is said here.
  const make = await bareBackends(seat);
  const create = (): RemoteBackend => underPrefix(keyPrefix)(make());
  const probe = create();
  const { capabilities, info } = probe;
  await probe.close();
  const removes = capabilities.delete && capabilities.list;
  return {
    backend: url.slice(0, url.indexOf('://')),
    target: shown,
    words: shown,
    identity: info.details.identity ?? 'whatever its URL and options name (the backend does not say)',
    place: info.namespace,
    afterwards: removes
      ? 'They are deleted at the end.'
      : `What stays there at the end is yours to remove: the backend cannot ${capabilities.delete ? 'list' : 'delete'}.`,
    keyPrefix,
    isOwn: false,
    details: info.details,
    seat,
    s3: undefined,
    async prepare(signal) {
      const backend = create();
      await backend.open({ signal }).finally(() => backend.close());
    },
    async remove() {
      return removes ? await removeUnder(create(), `${runFolder}/`, info.namespace) : undefined;
    },
    close: async () => {},
  };
}

/** Deletes all keys under `prefix`, and looks whether they are gone: the backend's own delete may be what is broken. */
async function removeUnder(backend: RemoteBackend, prefix: string, place: string): Promise<string | undefined> {
  try {
    await backend.open();
    const found = await keysUnder(backend, prefix);
    for (let index = 0; index < found.length; index += DELETE_KEYS) {
      await backend.delete(found.slice(index, index + DELETE_KEYS));
    }
    const left = found.length === 0 ? [] : await keysUnder(backend, prefix);
    if (left.length > 0) {
      throw new KvferryError('UNKNOWN', `${left.length} keys are still listed after they were deleted`);
    }
    return found.length === 0 ? undefined : `Nothing is left under ${prefix} in ${place}.`;
  } finally {
    await backend.close();
  }
}

async function keysUnder(backend: RemoteBackend, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of backend.list({ prefix })) keys.push(key);
  return keys;
}
