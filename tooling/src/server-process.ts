import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export interface ServerProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Asked until `isReady` takes the status of the answer. */
  readonly readyUrl: string;
  readonly isReady: (httpStatus: number) => boolean;
  readonly ca: string | undefined;
}

export type StartedProcess =
  | { readonly status: 'running'; stop(): Promise<void> }
  | { readonly status: 'failed'; readonly reason: string };

// MinIO takes 0.5 s and versitygw 0.1 s on an idle machine.
const startMs = 30_000;
const stopMs = 5_000;
const outputKept = 2_000;

/** Starts a server and waits until it answers. Its process never outlives ours, as long as ours ends by itself. */
export async function startServerProcess(options: ServerProcessOptions): Promise<StartedProcess> {
  const { command, args, environment, readyUrl, isReady, ca } = options;
  const child = spawn(command, args, { env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const keep = (text: Buffer) => {
    output = (output + text.toString()).slice(-outputKept);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  let spawnError: Error | undefined;
  child.on('error', (error) => {
    spawnError = error;
  });
  const killAtExit = () => child.kill('SIGKILL');
  process.once('exit', killAtExit);
  const stop = async () => {
    process.off('exit', killAtExit);
    await end(child);
  };

  const hasEnded = () => spawnError !== undefined || child.exitCode !== null || child.signalCode !== null;
  if (await becomesReady({ url: readyUrl, ca, isReady, withinMs: startMs, hasEnded }))
    return { status: 'running', stop };
  const ended = child.exitCode ?? child.signalCode;
  await stop();
  const what = spawnError?.message ?? (ended === null ? `no answer in ${startMs / 1000} s` : `ended with ${ended}`);
  return { status: 'failed', reason: [what, output.trim()].filter(Boolean).join('; it printed: ') };
}

/** Asks `url` until `isReady` takes the status of an answer; `false` when the time is over or there is nobody left to ask. */
export async function becomesReady(options: {
  readonly url: string;
  readonly ca: string | undefined;
  readonly isReady: (httpStatus: number) => boolean;
  readonly withinMs: number;
  readonly hasEnded: () => boolean;
}): Promise<boolean> {
  const deadline = performance.now() + options.withinMs;
  while (performance.now() < deadline && !options.hasEnded()) {
    const httpStatus = await statusOf(options.url, options.ca);
    if (httpStatus !== undefined && options.isReady(httpStatus)) return true;
    await delay(50);
  }
  return false;
}

/**
 * A port of 127.0.0.1 that was free a moment ago: one of those that no system hands out by itself (below 32,768), at random, so that nobody else comes by
 * it until a server has it. The system's own free ports went to two servers at a time.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 22_000);
    const server = createServer().listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === 'EADDRINUSE') continue;
      throw thrown;
    }
    server.close();
    await once(server, 'close');
    return port;
  }
}

async function statusOf(url: string, ca: string | undefined): Promise<number | undefined> {
  const options = { agent: false, timeout: 2_000 } as const;
  const request = url.startsWith('https:') ? httpsRequest(url, { ...options, ca }) : httpRequest(url, options);
  request.on('timeout', () => request.destroy(new Error('no answer yet')));
  request.end();
  try {
    const [response] = await once(request, 'response');
    response.resume();
    return response.statusCode;
  } catch {
    return undefined;
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const closed = once(child, 'close');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), stopMs);
  await closed;
  clearTimeout(timer);
}
