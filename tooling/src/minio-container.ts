import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { ThrowAwayAuthority } from './certificates.ts';
import { becomesReady } from './server-process.ts';

// The image left Docker Hub in September 2026; this is the last release that quay.io carries.
const defaultImage = 'quay.io/minio/minio:RELEASE.2025-09-07T16-13-09Z';
// An image that has to be pulled first is 60 MB. On a machine that cannot reach the registry, waiting longer helps nobody.
const startMs = 60_000;

export interface MinioContainerOptions {
  readonly environment: Readonly<Record<string, string>>;
  /** With one, the server speaks https. */
  readonly authority: ThrowAwayAuthority | undefined;
}

export type MinioContainer =
  | { readonly status: 'running'; readonly source: string; readonly endpoint: string; stop(): Promise<void> }
  | { readonly status: 'missing'; readonly reason: string };

/** Starts MinIO through testcontainers, where a Docker engine answers. */
export async function startMinioContainer(options: MinioContainerOptions): Promise<MinioContainer> {
  // testcontainers takes seconds to load: only where there may be an engine.
  if (!mayHaveDocker()) return { status: 'missing', reason: 'There is no Docker engine (no socket, no DOCKER_HOST).' };
  const testcontainers = await importTestcontainers();
  if (testcontainers === undefined) {
    const way = 'npx -p kvferry-bench -p testcontainers kvferry-bench …';
    return { status: 'missing', reason: `A Docker engine needs the package testcontainers beside this one: ${way}.` };
  }
  const { GenericContainer, getContainerRuntimeClient, Wait } = testcontainers;
  try {
    await getContainerRuntimeClient();
  } catch (error) {
    return { status: 'missing', reason: `No Docker engine answers (${firstLine(error)}).` };
  }
  const image = process.env.KVFERRY_MINIO_IMAGE || defaultImage;
  const { environment, authority } = options;
  const scheme = authority === undefined ? 'http' : 'https';
  const container = new GenericContainer(image)
    .withEnvironment({ ...environment })
    .withExposedPorts(9000)
    // None of testcontainers' own: becomesReady below waits for what counts, on the address that is handed out.
    .withWaitStrategy(Wait.forAll([]))
    .withStartupTimeout(startMs)
    .withCopyContentToContainer(
      authority === undefined
        ? []
        : [
            { content: authority.cert, target: '/certs/public.crt' },
            { content: authority.key, target: '/certs/private.key' },
          ],
    )
    .withCommand([
      'server',
      '--quiet',
      ...(authority === undefined ? [] : ['--certs-dir', '/certs']),
      '--address',
      ':9000',
      '/data',
    ]);
  try {
    const started = await within(startMs, container.start());
    // The certificate names the loopback address; a remote engine's host goes as it is.
    const host = started.getHost() === 'localhost' ? '127.0.0.1' : started.getHost();
    const endpoint = `${scheme}://${host}:${started.getMappedPort(9000)}`;
    const stop = async () => {
      await started.stop();
    };
    // Alive is not ready: see isMinioReady.
    const wait = { url: endpoint, ca: authority?.ca, isReady: isMinioReady, withinMs: startMs, hasEnded: () => false };
    if (await becomesReady(wait)) return { status: 'running', source: `container of ${image}`, endpoint, stop };
    await stop();
    return { status: 'missing', reason: `A container of ${image} took no requests in ${startMs / 1000} s.` };
  } catch (error) {
    return {
      status: 'missing',
      reason: `A Docker engine answers, but ${image} could not be started: ${firstLine(error)}.`,
    };
  }
}

/**
 * Whether MinIO's answer to an unsigned `GET /` says that it takes requests: it refuses it (403). Its own /minio/health/live
 * answers 200 while requests still fail with XMinioServerNotInitialized (503).
 */
export function isMinioReady(httpStatus: number): boolean {
  return httpStatus === 403;
}

/** In the repository it is there; for who installs what is published from it, it is an optional peer. */
async function importTestcontainers(): Promise<typeof import('testcontainers') | undefined> {
  try {
    return await import('testcontainers');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') return undefined;
    throw thrown;
  }
}

function mayHaveDocker(): boolean {
  if (process.env.DOCKER_HOST) return true;
  const runtime = process.env.XDG_RUNTIME_DIR;
  const sockets = ['/var/run/docker.sock', join(homedir(), '.docker/run/docker.sock')];
  if (runtime) sockets.push(join(runtime, 'docker.sock'), join(runtime, 'podman/podman.sock'));
  return sockets.some((path) => existsSync(path)) || existsSync(join(homedir(), '.testcontainers.properties'));
}

async function within<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not up in ${milliseconds / 1000} s`)), milliseconds);
  });
  return await Promise.race([work, timeout]).finally(() => clearTimeout(timer));
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]?.trim() ?? '';
}
