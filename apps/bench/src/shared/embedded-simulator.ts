import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { KvferryError } from '@kvferry/core';
import type { S3Overrides, S3Target } from 'kvferry';

/** The simulator as a process of its own, so that what it costs is not billed to the client. */
export interface EmbeddedSimulator {
  readonly url: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  stop(): Promise<void>;
}

/** A simulator in the place of a store that a configuration names. */
export interface StandIn extends EmbeddedSimulator {
  /** What makes a backend of that configuration go there. */
  readonly overrides: S3Overrides;
}

/**
 * Starts the simulator to stand for a store, or for none in particular. One that is known by its host is asked by that name, so that its profile and its way of
 * addressing count: only the connection goes elsewhere.
 */
export async function startStandIn(target: S3Target | undefined, buckets: readonly string[]): Promise<StandIn> {
  if (target?.kind !== 's3-compatible') {
    const simulator = await startEmbeddedSimulator(buckets);
    return { ...simulator, overrides: { endpoint: simulator.url, credentials: simulator.credentials } };
  }
  const simulator = await startEmbeddedSimulator(buckets, [target.endpointHost.replace(/:\d+$/, '')]);
  const connectTo = { host: '127.0.0.1', port: Number(new URL(simulator.url).port) };
  const endpoint = `http://${target.endpointHost}`;
  return { ...simulator, overrides: { endpoint, connectTo, credentials: simulator.credentials } };
}

/** Starts the simulator with these buckets, for any region, under these names too. It ends with this process, however that ends. */
export async function startEmbeddedSimulator(
  buckets: readonly string[],
  hosts: readonly string[] = [],
): Promise<EmbeddedSimulator> {
  const command = fileURLToPath(import.meta.resolve('@kvferry/s3-simulator/cli'));
  const options = [
    '--json',
    '--exit-with-stdin',
    '--region',
    '*',
    ...buckets.flatMap((bucket) => ['--bucket', bucket]),
    ...hosts.flatMap((host) => ['--host', host]),
  ];
  // A process group of its own: Ctrl-C is for us, who still need the store to tidy up.
  const child = spawn(process.execPath, [command, ...options], { stdio: ['pipe', 'pipe', 'inherit'], detached: true });
  const exited = once(child, 'exit');
  const lines = createInterface({ input: child.stdout });
  const first = await Promise.race([once(lines, 'line'), exited.then(() => undefined)]);
  if (first === undefined) throw new KvferryError('UNAVAILABLE', 'the embedded simulator ended before it was ready');
  const ready = JSON.parse(String(first[0])) as { url: string; accessKeyId: string; secretAccessKey: string };
  child.unref();
  return {
    url: ready.url,
    credentials: { accessKeyId: ready.accessKeyId, secretAccessKey: ready.secretAccessKey },
    async stop() {
      child.ref();
      child.stdin.end();
      await exited;
    },
  };
}
