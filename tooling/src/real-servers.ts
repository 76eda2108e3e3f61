import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findBinary } from './binaries.ts';
import { type ThrowAwayAuthority, throwAwayAuthority } from './certificates.ts';
import { isMinioReady, startMinioContainer } from './minio-container.ts';
import { freePort, startServerProcess } from './server-process.ts';

/** An S3 server that others wrote, started for one test file. It listens on the loopback address only. */
export interface RealServer {
  readonly status: 'running';
  readonly kind: 'minio' | 'versitygw';
  /** Where it came from, for the log: a container image, or a binary's path. */
  readonly source: string;
  /** `http://127.0.0.1:PORT` or `https://127.0.0.1:PORT`. */
  readonly endpoint: string;
  /** A bucket also answers on the Host `BUCKET.s3.localhost`. The name need not resolve: connect to the endpoint's address. */
  readonly domain: 's3.localhost';
  /** The authority to trust over https, as PEM. Its certificate names the endpoint's address and the domain. */
  readonly ca?: string;
  readonly region: 'us-east-1';
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Stops the server and removes its data. A second call does nothing more. */
  stop(): Promise<void>;
}

/** There is no such server on this machine. A test that needs one skips, and shows the reason. */
export interface MissingServer {
  readonly status: 'missing';
  readonly kind: 'minio' | 'versitygw';
  /** One paragraph: every way that was tried, why it led nowhere, and how to have one. */
  readonly reason: string;
}

export interface RealServerOptions {
  readonly scheme: 'http' | 'https';
}

const credentials = { accessKeyId: 'kvferry-tests', secretAccessKey: 'kvferry-tests-secret' } as const;
const domain = 's3.localhost';

/**
 * Starts MinIO: in a container where a Docker engine answers (image: KVFERRY_MINIO_IMAGE, default in minio-container.ts),
 * else from a binary (KVFERRY_MINIO_BINARY, the PATH, the user's cache folder). Takes a second or two, and up to two minutes where
 * an image has to be fetched first or cannot be had: give the test or hook that calls it that long.
 */
export async function findMinio(options: RealServerOptions): Promise<RealServer | MissingServer> {
  const authority = await authorityFor(options.scheme);
  const environment = {
    MINIO_ROOT_USER: credentials.accessKeyId,
    MINIO_ROOT_PASSWORD: credentials.secretAccessKey,
    MINIO_DOMAIN: domain,
    MINIO_BROWSER: 'off',
    MINIO_UPDATE: 'off',
  };
  const container = await startMinioContainer({ environment, authority });
  if (container.status === 'running') {
    const { source, endpoint, stop } = container;
    return running({ kind: 'minio', source, endpoint, authority, stop });
  }
  const binary = await findBinary('minio', 'KVFERRY_MINIO_BINARY');
  if (binary.status === 'missing') return missing('minio', [container.reason, binary.reason]);

  const folder = await mkdtemp(join(tmpdir(), 'kvferry-minio-'));
  const certificateArgs: string[] = [];
  if (authority !== undefined) {
    certificateArgs.push('--certs-dir', join(folder, 'certs'));
    await mkdir(join(folder, 'certs'));
    await writeFile(join(folder, 'certs/public.crt'), authority.cert);
    await writeFile(join(folder, 'certs/private.key'), authority.key);
  }
  const port = await freePort();
  const endpoint = `${options.scheme}://127.0.0.1:${port}`;
  const started = await startServerProcess({
    command: binary.path,
    args: ['server', '--quiet', ...certificateArgs, '--address', `127.0.0.1:${port}`, join(folder, 'data')],
    environment,
    readyUrl: endpoint,
    isReady: isMinioReady,
    ca: authority?.ca,
  });
  const removeFolder = () => rm(folder, { recursive: true, force: true });
  if (started.status === 'failed') {
    await removeFolder();
    return missing('minio', [container.reason, `${binary.path} did not start: ${started.reason}`]);
  }
  const stop = () => started.stop().then(removeFolder);
  return running({ kind: 'minio', source: binary.path, endpoint, authority, stop });
}

/** Starts versitygw over a temporary folder, from a binary: KVFERRY_VERSITYGW_BINARY, the PATH, the user's cache folder. */
export async function findVersityGateway(options: RealServerOptions): Promise<RealServer | MissingServer> {
  const binary = await findBinary('versitygw', 'KVFERRY_VERSITYGW_BINARY');
  if (binary.status === 'missing') return missing('versitygw', [binary.reason]);

  const authority = await authorityFor(options.scheme);
  const folder = await mkdtemp(join(tmpdir(), 'kvferry-versitygw-'));
  const data = join(folder, 'data');
  await mkdir(data);
  const certificateArgs: string[] = [];
  if (authority !== undefined) {
    certificateArgs.push('--cert', join(folder, 'public.crt'), '--key', join(folder, 'private.key'));
    await writeFile(join(folder, 'public.crt'), authority.cert);
    await writeFile(join(folder, 'private.key'), authority.key);
  }
  const port = await freePort();
  const endpoint = `${options.scheme}://127.0.0.1:${port}`;
  const keys = ['-a', credentials.accessKeyId, '-s', credentials.secretAccessKey];
  const started = await startServerProcess({
    command: binary.path,
    args: ['-q', '-p', `127.0.0.1:${port}`, ...keys, ...certificateArgs, '--vd', domain, '--keep-alive', 'posix', data],
    environment: {},
    readyUrl: endpoint,
    // Any answer: an unsigned request is refused by a server that is up.
    isReady: () => true,
    ca: authority?.ca,
  });
  const removeFolder = () => rm(folder, { recursive: true, force: true });
  if (started.status === 'failed') {
    await removeFolder();
    const hint = 'It keeps metadata in extended attributes; TMPDIR has to be on a file system that has them.';
    return missing('versitygw', [`${binary.path} did not start: ${started.reason}`, hint]);
  }
  const stop = () => started.stop().then(removeFolder);
  return running({ kind: 'versitygw', source: binary.path, endpoint, authority, stop });
}

async function authorityFor(scheme: 'http' | 'https'): Promise<ThrowAwayAuthority | undefined> {
  if (scheme === 'http') return undefined;
  return await throwAwayAuthority({ hosts: ['127.0.0.1', 'localhost', domain, `*.${domain}`] });
}

function running(
  found: Pick<RealServer, 'kind' | 'source' | 'endpoint' | 'stop'> & { authority: ThrowAwayAuthority | undefined },
): RealServer {
  const { kind, source, endpoint, authority, stop } = found;
  let stopping: Promise<void> | undefined;
  return {
    status: 'running',
    kind,
    source,
    endpoint,
    domain,
    ...(authority === undefined ? {} : { ca: authority.ca }),
    region: 'us-east-1',
    credentials,
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  };
}

function missing(kind: MissingServer['kind'], reasons: readonly string[]): MissingServer {
  const way =
    'In a clone of kvferry, with Go, `bash .ci/real-servers.sh binaries` builds one into the cache folder, once.';
  return { status: 'missing', kind, reason: `No ${kind} on this machine. ${reasons.join(' ')} ${way}` };
}
