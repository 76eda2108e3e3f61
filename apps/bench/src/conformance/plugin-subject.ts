import { KvferryError, type RemoteBackend } from '@kvferry/core';
import { backendFor, loadConfig, pluginFor } from 'kvferry';
import { runFolder, underPrefix } from './keys.ts';
import type { Subject, SubjectRequest } from './subject.ts';

/** A backend that a package or a file brings, on the store of its URL. Its own methods are the only way to that store. */
export async function pluginSubject(request: SubjectRequest, url: string | undefined): Promise<Subject> {
  const { backend, loaded, runId } = request;
  if (url === undefined || !url.includes('://')) {
    const reason = `--backend ${backend} opens URLs: name a store as --target foo://…, or by --config <file> --live`;
    throw new KvferryError('INVALID_ARGUMENT', reason);
  }
  const names = backend === undefined ? [] : [backend];
  const config = loaded ?? (await loadConfig({ env: { LMCACHE_REMOTE_URL: url } }));
  // Loads the plug-in and opens the URL once: what is wrong with either is said here, as everywhere.
  await (await backendFor(config, { backends: names })).close();
  const scheme = url.slice(0, url.indexOf('://'));
  // The suite makes its backends one by one, and without layers.
  const plugin = await pluginFor(scheme, config, { backends: names });
  const prefixed = underPrefix(loaded);
  const options = config.config.kvferry.options ?? {};
  const create = () => prefixed.layer(plugin.open({ url, options }));
  const probe = create();
  const { capabilities, info } = probe;
  await probe.close();
  const removes = capabilities.delete && capabilities.list;
  return {
    backend: scheme,
    target: url,
    store: url,
    identity: info.details.identity ?? 'whatever its URL and options name (the backend does not say)',
    place: info.namespace,
    afterwards: removes
      ? 'They are deleted at the end.'
      : `What stays there at the end is yours to remove: the backend cannot ${capabilities.delete ? 'list' : 'delete'}.`,
    keyPrefix: prefixed.keyPrefix,
    suite: { capabilities, createTarget: () => ({ create }) },
    async prepare(signal) {
      const backend = create();
      await backend.open({ signal }).finally(() => backend.close());
    },
    async remove() {
      if (!removes) return undefined;
      // The suite has deleted its keys by the backend's own delete, which may be what is broken.
      const left = await keysUnder(create(), `${runFolder(runId)}/`);
      if (left === 0) return undefined;
      throw new KvferryError('UNKNOWN', `${left} keys are still listed after they were deleted`);
    },
    close: async () => {},
  };
}

async function keysUnder(backend: RemoteBackend, prefix: string): Promise<number> {
  let keys = 0;
  try {
    await backend.open();
    for await (const _ of backend.list({ prefix })) keys += 1;
  } finally {
    await backend.close();
  }
  return keys;
}
