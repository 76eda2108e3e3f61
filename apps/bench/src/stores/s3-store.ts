import { readFile } from 'node:fs/promises';
import { KvferryError, type RemoteBackend } from '@kvferry/core';
import { remoteTarget } from '@kvferry/lmcache';
import { type CredentialSource, credentialProvider, parseEndpoint } from '@kvferry/s3-protocol';
// biome-ignore lint/correctness/noUndeclaredDependencies: nobody publishes it; the build makes it a part of this package.
import { findMinio } from '@kvferry/tooling/real-servers';
import { credentialSource, type LoadedConfig, loadConfig, openS3, type S3Overrides, type S3Target } from 'kvferry';
import { startStandIn } from '../shared/embedded-simulator.ts';
import { BucketClient } from './bucket-client.ts';
import { frontOf, underPrefix } from './seat.ts';
import type { OpenStore, S3Access, Seat, StoreRequest } from './types.ts';

/** The backends of stores that speak S3. */
export type S3Kind = S3Target['kind'];

/** A bucket for one of the S3 backends: in a store of the run's own, in one that was named, or in a configuration's. */
export async function openS3Store(kind: S3Kind, request: StoreRequest): Promise<OpenStore> {
  const { loaded, runFolder } = request;
  const named = request.bucket ?? (loaded === undefined ? undefined : s3TargetOf(loaded).bucket);
  const bucket = named ?? ownBucket(kind, runFolder);
  const store = await chooseStore(kind, request, bucket);
  try {
    const provider = credentialProvider(store.overrides.credentials ?? credentialSource(store.loaded.config));
    // Once for all processes of the run: a chain that asks a metadata service is not to be asked by each.
    const credentials = await provider.get();
    if (credentials === 'anonymous')
      throw new KvferryError('UNAUTHENTICATED', 'the run stores objects: it needs credentials');
    const { accessKeyId, secretAccessKey, sessionToken } = credentials;
    const ca = await authoritiesOf(store);
    const overrides: S3Overrides = {
      ...store.overrides,
      bucket,
      credentials: { accessKeyId, secretAccessKey, sessionToken },
      ca,
    };
    const seat: Seat = { loaded: store.loaded, backends: [], overrides };
    const keyPrefix = frontOf(store.loaded);
    const create = (): RemoteBackend =>
      underPrefix(keyPrefix)(openS3(s3TargetOf(store.loaded), store.loaded, overrides));
    const { details } = create().info;
    const { addressing, endpoint = '', region = '' } = details;
    const s3: S3Access = {
      // A store of the run's own is asked at its address, whatever name it stands for.
      ...(store.own ?? { endpoint, addressing: addressing === 'path' ? 'path' : 'virtual' }),
      region,
      bucket,
      ca,
      credentials: { accessKeyId, secretAccessKey, sessionToken },
      isExpress: kind === 's3-express',
    };
    const past = new BucketClient(s3);
    // Before, there is nothing to remove; and nobody says so of a bucket that is not there.
    let used = false;
    return {
      backend: kind,
      target: store.target,
      words: store.words,
      identity: provider.describe(),
      place: `bucket ${bucket}`,
      afterwards:
        store.own !== undefined
          ? 'They go with the store at the end.'
          : named === undefined
            ? 'The bucket is created, and deleted at the end.'
            : 'They are removed at the end.',
      keyPrefix,
      isOwn: store.own !== undefined,
      details,
      seat,
      s3,
      async prepare(signal) {
        // The embedded simulator has it from the start.
        if (store.target !== 'embedded' && (named === undefined || store.own !== undefined)) {
          await past.createBucket();
          used = true;
        }
        await checkReachable(create(), `${runFolder}/`, signal);
        used = true;
      },
      async remove() {
        // Goes as a whole, and a Ctrl-C of the terminal may have ended it already.
        if (store.own !== undefined || !used) return undefined;
        if (named === undefined) {
          await past.deleteBucket();
          return `Deleted the bucket ${bucket}.`;
        }
        const prefix = `${keyPrefix}${runFolder}/`;
        await past.removeUnder(prefix);
        return `Nothing is left under ${prefix} in bucket ${bucket}.`;
      },
      async close() {
        past.close();
        await store.stop();
      },
    };
  } catch (thrown) {
    await store.stop();
    throw thrown;
  }
}

/** A store, wherever it comes from, as a configuration names it. */
interface ChosenStore {
  readonly target: string;
  readonly words: string;
  /** The caller's, or one made up that names this store. */
  readonly loaded: LoadedConfig;
  readonly overrides: S3Overrides;
  /** Where it is reached past the backend, for one that was started for this run, and ends with it. */
  readonly own: { readonly endpoint: string; readonly addressing: 'path' } | undefined;
  stop(): Promise<void>;
}

async function chooseStore(kind: S3Kind, request: StoreRequest, bucket: string): Promise<ChosenStore> {
  const { loaded, live, target = 'embedded' } = request;
  if (live && loaded !== undefined) return liveStore(request, loaded, bucket);
  if (target === 'embedded') return await embeddedStore(kind, request, bucket);
  if (kind === 's3-express') {
    const reason = `--target ${target}: no server that could be had here has S3 Express; it is tried on the simulator (--target embedded), or live on AWS (--config <file> --live)`;
    throw new KvferryError('UNSUPPORTED', reason);
  }
  if (target === 'minio') {
    const server = await findMinio({ scheme: 'http' });
    if (server.status === 'missing') throw new KvferryError('UNSUPPORTED', `--target minio: ${server.reason}`);
    const { credentials, endpoint } = server;
    return {
      target,
      words: `MinIO at ${endpoint}, from ${server.source}`,
      loaded: loaded ?? (await configFor(kind, { bucket, region: server.region, endpoint, provider: 'minio' })),
      overrides: { endpoint, credentials, region: server.region },
      own: { endpoint, addressing: 'path' },
      stop: () => server.stop(),
    };
  }
  if (!/^https?:\/\//.test(target)) {
    const reason = `--target is embedded, minio or the URL of an S3 store (http://… or https://…), not ${JSON.stringify(target)}`;
    throw new KvferryError('INVALID_ARGUMENT', reason);
  }
  parseEndpoint(target, '--target');
  const credentials: CredentialSource = loaded === undefined ? 'default' : credentialSource(loaded.config);
  const region = regionOf(request);
  return {
    target,
    words: target,
    loaded: loaded ?? (await configFor(kind, { bucket, region, endpoint: target })),
    overrides: { endpoint: target, credentials, region },
    own: undefined,
    stop: async () => {},
  };
}

async function embeddedStore(kind: S3Kind, request: StoreRequest, bucket: string): Promise<ChosenStore> {
  const region = regionOf(request);
  const configured = request.loaded === undefined ? undefined : s3TargetOf(request.loaded);
  const simulator = await startStandIn(configured, [bucket]);
  const { overrides, url: endpoint } = simulator;
  const express = kind === 's3-express' ? ', since no server that could be had here has S3 Express' : '';
  return {
    target: 'embedded',
    words: `the embedded simulator at ${endpoint}, nothing leaves this machine${express}`,
    loaded: request.loaded ?? (await configFor(kind, { bucket, region, endpoint, provider: 'generic' })),
    overrides: { ...overrides, region },
    own: { endpoint, addressing: 'path' },
    stop: () => simulator.stop(),
  };
}

function liveStore({ region }: StoreRequest, loaded: LoadedConfig, bucket: string): ChosenStore {
  // It decides the address as every other command does.
  const { endpoint = '' } = openS3(s3TargetOf(loaded), loaded, { bucket, region }).info.details;
  return {
    target: endpoint,
    words: `${endpoint}, live, as ${loaded.file} names it`,
    loaded,
    overrides: { region },
    own: undefined,
    stop: async () => {},
  };
}

/** A configuration that names this store, for a run that was given none. */
async function configFor(
  kind: S3Kind,
  store: { readonly bucket: string; readonly region: string; readonly endpoint: string; readonly provider?: string },
): Promise<LoadedConfig> {
  const { bucket, endpoint, provider, region } = store;
  const kvferry = kind === 's3-compatible' ? { endpoint, bucket, ...(provider === undefined ? {} : { provider }) } : {};
  return await loadConfig({
    env: {
      LMCACHE_REMOTE_URL: `s3://${bucket}`,
      LMCACHE_EXTRA_CONFIG: JSON.stringify({ s3_region: region, kvferry }),
    },
  });
}

/** A bucket for this run alone, named as buckets of this kind are. */
function ownBucket(kind: S3Kind, runFolder: string): string {
  return kind === 's3-express' ? `${runFolder}--use1-az4--x-s3` : runFolder;
}

function regionOf({ loaded, region }: StoreRequest): string {
  const configured = loaded === undefined ? undefined : s3TargetOf(loaded).region;
  return region ?? configured ?? (process.env.AWS_REGION || process.env.AWS_DEFAULT_REGION || 'us-east-1');
}

function s3TargetOf({ config, file }: LoadedConfig): S3Target {
  const target = remoteTarget(config);
  if (target.kind !== 'none' && target.kind !== 'plugin') return target;
  throw new KvferryError('INVALID_ARGUMENT', `${file} names no S3 store`);
}

async function authoritiesOf({ loaded: { config }, overrides, target }: ChosenStore): Promise<string | undefined> {
  // An empty variable counts as none, as with every variable of AWS.
  const file = config.kvferry.caFile ?? (process.env.AWS_CA_BUNDLE || undefined);
  // A live store's endpoint is its target: it may come from a variable.
  if (file === undefined || (overrides.endpoint ?? target).startsWith('http://')) return undefined;
  return await readFile(file, 'utf8').catch((cause: Error) => {
    throw new KvferryError('CONFIG_INVALID', `the certificates in ${file} cannot be read: ${cause.message}`, { cause });
  });
}

/** One listing under the run's own prefix: else every request would fail for the same reason. */
async function checkReachable(backend: RemoteBackend, prefix: string, signal: AbortSignal): Promise<void> {
  try {
    await backend.open({ signal });
    for await (const _ of backend.list({ prefix, signal })) break;
  } finally {
    await backend.close();
  }
}
