import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { KvferryError } from '@kvferry/core';

/** The simulator as a process of its own, so that what it costs is not billed to the client. */
export interface EmbeddedSimulator {
  readonly url: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  stop(): Promise<void>;
}

/** Starts the simulator with these buckets, for any region. It ends with this process, however that ends. */
export async function startEmbeddedSimulator(buckets: readonly string[]): Promise<EmbeddedSimulator> {
  const command = fileURLToPath(import.meta.resolve('@kvferry/s3-simulator/cli'));
  const options = [
    '--json',
    '--exit-with-stdin',
    '--region',
    '*',
    ...buckets.flatMap((bucket) => ['--bucket', bucket]),
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
