import { readFile } from 'node:fs/promises';
import { KvferryError, type RemoteBackend } from '@kvferry/core';
import type { RemoteTarget } from '@kvferry/lmcache';
import { s3 } from '@kvferry/s3';
import {
  type Addressing,
  type CredentialSource,
  credentialProvider,
  parseEndpoint,
  resolveAddressing,
} from '@kvferry/s3-protocol';
import { findMinio } from '@kvferry/tooling/real-servers';
import { backendFor, type LoadedConfig } from 'kvferry';
import { startEmbeddedSimulator } from '../shared/embedded-simulator.ts';
import { runFolder, underPrefix } from './keys.ts';
import { S3Store } from './s3-store.ts';
import type { Subject, SubjectRequest } from './subject.ts';

/**
 * Limits of one attempt, in milliseconds. Cases wait for a limit to strike, and a store that is busy with 64 requests at once still has to
 * stay below it.
 */
const timeouts = { connectMs: 2_000, firstByteMs: 1_000, stallMs: 1_000 };

/** The S3 backend, on a store of its own, on one that was named, or on a configuration's. */
export async function s3Subject(request: SubjectRequest, remote: RemoteTarget | undefined): Promise<Subject> {
  const { loaded, runId } = request;
  const named = request.bucket ?? (remote?.kind === 's3' ? remote.bucket : undefined);
  const bucket = named ?? runFolder(runId);
  const prefixed = underPrefix(loaded);
  const store = await storeOf(request, remote);
  try {
    const { endpoint, region } = store;
    const addressing = resolveAddressing(store.addressing, parseEndpoint(endpoint, '--target'), bucket);
    const provider = credentialProvider(store.credentials);
    // Once for all backends of the run: a chain that asks a metadata service is not to be asked by each.
    const credentials = await provider.get();
    if (credentials === 'anonymous')
      throw new KvferryError('UNAUTHENTICATED', 'the suite writes: it needs credentials');
    const { accessKeyId, secretAccessKey, sessionToken } = credentials;
    const ca = await authoritiesOf(store);
    const past = new S3Store({ endpoint, region, bucket, addressing, ca, credentials });

    const create = (connectTo?: { readonly host: string; readonly port: number }, proxyCa?: string): RemoteBackend =>
      prefixed.layer(
        s3({
          bucket,
          region,
          endpoint,
          addressing,
          credentials: { accessKeyId, secretAccessKey, sessionToken },
          tls: endpoint.startsWith('http://') ? false : { ca: proxyCa ?? ca },
          verify: loaded?.config.kvferry.verify === 'length' ? 'length' : 'fast',
          timeouts,
          connectTo,
        }),
      );
    // Before, there is nothing to remove; and nobody says so of a bucket that is not there.
    let used = false;
    return {
      backend: 's3',
      target: store.target,
      store: store.words,
      identity: provider.describe(),
      place: `bucket ${bucket}`,
      afterwards: store.isOwn
        ? 'They go with the store at the end.'
        : named === undefined
          ? 'The bucket is created, and deleted at the end.'
          : 'They are removed at the end.',
      keyPrefix: prefixed.keyPrefix,
      suite: {
        capabilities: create().capabilities,
        upstream: endpoint,
        upstreamCa: ca,
        createTarget: (environment) => ({
          create: () => create(environment.connectTo, environment.ca),
          rawRead: (key) => past.read(prefixed.keyPrefix + key),
          rawWrite: (key, bytes) => past.write(prefixed.keyPrefix + key, bytes),
          secrets: sessionToken === undefined ? [secretAccessKey] : [secretAccessKey, sessionToken],
        }),
      },
      async prepare(signal) {
        if (named === undefined || store.isOwn) {
          await past.createBucket();
          used = true;
        }
        await checkReachable(create(), `${runFolder(runId)}/`, signal);
        used = true;
      },
      async remove() {
        // Goes as a whole, and a Ctrl-C of the terminal may have ended it already.
        if (store.isOwn || !used) return undefined;
        if (named === undefined) {
          await past.deleteBucket();
          return `Deleted the bucket ${bucket}.`;
        }
        const prefix = `${prefixed.keyPrefix}${runFolder(runId)}/`;
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

/** A store, wherever it comes from. */
interface ChosenStore {
  readonly target: string;
  readonly words: string;
  readonly endpoint: string;
  readonly region: string;
  readonly addressing: Addressing;
  readonly credentials: CredentialSource;
  readonly caFile: string | undefined;
  /** Whether it was started for this run, and ends with it. */
  readonly isOwn: boolean;
  stop(): Promise<void>;
}

async function storeOf(request: SubjectRequest, remote: RemoteTarget | undefined): Promise<ChosenStore> {
  const { loaded, live, target = 'embedded' } = request;
  if (live && loaded !== undefined) return await liveStore(request, loaded);
  const configured = remote?.kind === 's3' ? remote.region : undefined;
  const region =
    request.region ?? configured ?? (process.env.AWS_REGION || process.env.AWS_DEFAULT_REGION || 'us-east-1');
  const common = { target, region, addressing: 'auto', caFile: undefined } as const;
  if (target === 'embedded') {
    const simulator = await startEmbeddedSimulator([]);
    return {
      ...common,
      words: `the embedded simulator at ${simulator.url}, nothing leaves this machine`,
      endpoint: simulator.url,
      credentials: simulator.credentials,
      isOwn: true,
      stop: () => simulator.stop(),
    };
  }
  if (target === 'minio') {
    const server = await findMinio({ scheme: 'http' });
    if (server.status === 'missing') throw new KvferryError('UNSUPPORTED', `--target minio: ${server.reason}`);
    return {
      ...common,
      words: `MinIO at ${server.endpoint}, from ${server.source}`,
      endpoint: server.endpoint,
      region: server.region,
      credentials: server.credentials,
      isOwn: true,
      stop: () => server.stop(),
    };
  }
  if (!/^https?:\/\//.test(target)) {
    const reason = `--target is embedded, minio or the URL of an S3 store (http://… or https://…), not ${JSON.stringify(target)}`;
    throw new KvferryError('INVALID_ARGUMENT', reason);
  }
  parseEndpoint(target, '--target');
  const credentials = loaded === undefined ? 'default' : credentialsOf(loaded);
  return { ...common, words: target, endpoint: target, credentials, isOwn: false, stop: async () => {} };
}

async function liveStore(request: SubjectRequest, loaded: LoadedConfig): Promise<ChosenStore> {
  // It decides the address as every other command does.
  const opened = await backendFor(loaded);
  await opened.close();
  const { endpoint = '', region = '', addressing } = opened.info.details;
  return {
    target: endpoint,
    words: `${endpoint}, live, as ${loaded.file} names it`,
    endpoint,
    region: request.region ?? region,
    addressing: addressing as Addressing,
    credentials: credentialsOf(loaded),
    caFile: loaded.config.kvferry.caFile,
    isOwn: false,
    stop: async () => {},
  };
}

function credentialsOf({ config }: LoadedConfig): CredentialSource {
  const { credentials } = config.s3;
  if (credentials !== undefined) return { ...credentials, sessionToken: config.kvferry.sessionToken };
  return config.kvferry.profile === undefined ? 'default' : { awsProfile: config.kvferry.profile };
}

async function authoritiesOf({ endpoint, caFile }: ChosenStore): Promise<string | undefined> {
  // An empty variable counts as none, as with every variable of AWS.
  const file = caFile ?? (process.env.AWS_CA_BUNDLE || undefined);
  if (file === undefined || endpoint.startsWith('http://')) return undefined;
  return await readFile(file, 'utf8').catch((cause: Error) => {
    throw new KvferryError('CONFIG_INVALID', `the certificates in ${file} cannot be read: ${cause.message}`, { cause });
  });
}

/** One listing under the run's own prefix: else every case would fail for the same reason. */
async function checkReachable(backend: RemoteBackend, prefix: string, signal: AbortSignal): Promise<void> {
  try {
    await backend.open({ signal });
    for await (const _ of backend.list({ prefix, signal })) break;
  } finally {
    await backend.close();
  }
}
