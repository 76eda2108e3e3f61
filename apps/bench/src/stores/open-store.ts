import { KvferryError } from '@kvferry/core';
import { type RemoteTarget, remoteTarget } from '@kvferry/lmcache';
import { backendFor } from 'kvferry';
import { openFileStore, openMemoryStore } from './core-stores.ts';
import { openPluginStore } from './plugin-store.ts';
import { openS3Store, type S3Kind } from './s3-store.ts';
import type { OpenStore, StoreRequest } from './types.ts';

const s3Kinds: readonly string[] = ['s3', 's3-express', 's3-compatible'] satisfies readonly S3Kind[];
const builtIn = [...s3Kinds, 'memory', 'file'];

/**
 * Decides which backend is used on which store, and starts the store where the run has one of its own.
 *
 * Rejects with CONFIG_INVALID, INVALID_ARGUMENT or UNSUPPORTED for what does not go together, or is not to be had.
 */
export async function openStore(request: StoreRequest): Promise<OpenStore> {
  const { bucket, region } = request;
  const kind = await kindAskedFor(request);
  if (isS3(kind)) return await openS3Store(kind, request);
  if (bucket !== undefined || region !== undefined) {
    throw new KvferryError('INVALID_ARGUMENT', `--bucket and --region are for S3 stores, and the backend is ${kind}`);
  }
  if (request.loaded !== undefined && !request.live) {
    const reason = `without --live the store is the S3 simulator, whatever ${request.loaded.file} names, and the backend is ${kind}`;
    throw new KvferryError('INVALID_ARGUMENT', reason);
  }
  const url = request.live ? request.loaded?.config.remoteUrl : request.target;
  if (kind === 'memory') return await openMemoryStore(request, url);
  if (kind === 'file') return await openFileStore(request, url);
  return await openPluginStore(request, url);
}

/** The backend to use. Rejects for a configuration that cannot be opened, or that another backend was asked for. */
async function kindAskedFor({ backend, loaded, live }: StoreRequest): Promise<string> {
  if (loaded === undefined) return backend ?? 's3';
  const remote = remoteTarget(loaded.config);
  const named = kindOf(remote);
  const asked = backend === undefined || builtIn.includes(backend) ? backend : 'plug-in';
  if (live) {
    if (asked !== undefined && remote.kind !== 'none' && asked !== named) {
      const reason = `${loaded.file} names the ${named} backend, and --backend says ${backend}; leave out one`;
      throw new KvferryError('INVALID_ARGUMENT', reason);
    }
  } else if (remote.kind === 'plugin' || remote.kind === 'none') {
    const reason = `${loaded.file} names no S3 store, for which the simulator could stand; use --live to run against what it names`;
    throw new KvferryError('INVALID_ARGUMENT', reason);
  } else if (asked !== undefined && isS3(asked) && asked !== named) {
    const reason = `${loaded.file} names the ${named} backend, and --backend says ${backend}; leave out one`;
    throw new KvferryError('INVALID_ARGUMENT', reason);
  }
  if (live) {
    // Not to be used: it says what is wrong with the configuration.
    const opened = await backendFor(loaded, {
      backends: asked === 'plug-in' && backend !== undefined ? [backend] : [],
    });
    await opened.close();
  }
  return asked === 'plug-in' ? (backend ?? asked) : (asked ?? named);
}

function isS3(kind: string): kind is S3Kind {
  return s3Kinds.includes(kind);
}

function kindOf(remote: RemoteTarget): string {
  if (remote.kind === 'none') return 's3';
  if (remote.kind !== 'plugin') return remote.kind;
  return builtIn.includes(remote.scheme) ? remote.scheme : 'plug-in';
}
