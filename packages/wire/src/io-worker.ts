import { parentPort, workerData } from 'node:worker_threads';
import { PooledClient } from './client.ts';
import { collectGarbage } from './collect-garbage.ts';
import { WireError } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { CONNECTIONS, clockOriginMs, type IoCommand, type IoReport, type IoThreadSetup } from './io-messages.ts';
import { packError, unpackError } from './packed-error.ts';
import type { DigestSource, ResolvedAddress, WireRequest, WireResponse } from './types.ts';

/** The module of an I/O thread: sends what the calling thread asks for over connections of its own, and says when memory is quiet. */

if (parentPort === null) throw new Error('this module is what an I/O thread runs: it is not for import');
const port = parentPort;
const { options, clockOriginMs: callersOriginMs, connections } = workerData as IoThreadSetup;
/** Added to a time of this thread's clock, makes one of the calling thread's. */
const shiftMs = clockOriginMs() - callersOriginMs;
/** By id. An id may be used again as soon as its answer is out: what the calling thread said of the earlier request came before. */
const exchanges: (Exchange | undefined)[] = [];
const names = new Map<string, PromiseWithResolvers<readonly ResolvedAddress[]>>();
const digests = await loadDigests(options.digestModule);
const client = new PooledClient({ ...options, digests, resolve: askCaller }, countConnections);
port.on('message', obey);
report({ status: 'ready' });

function obey(command: IoCommand): void {
  switch (command.do) {
    case 'request':
      begin(command.id, command.request);
      return;
    case 'abandon':
      exchanges[command.id]?.abandon(new WireError('ABORTED', 'the calling thread has given it up'));
      return;
    case 'collect':
      collectGarbage();
      return;
    case 'adopt-addresses':
      names.get(command.host)?.resolve(command.addresses);
      names.delete(command.host);
      return;
    case 'give-up-name':
      names.get(command.host)?.reject(unpackError(command.error));
      names.delete(command.host);
  }
}

function begin(id: number, request: WireRequest): void {
  const answered = (response: WireResponse): void => {
    exchanges[id] = undefined;
    countConnections();
    const { body, headers, timing, ...rest } = response;
    const times = { firstByteMs: timing.firstByteMs + shiftMs, endMs: timing.endMs + shiftMs };
    // A copy, since a small one may lie in a block of Node's that would cross as a whole.
    const ownBody = body.length === 0 ? undefined : new Uint8Array(body);
    report({ status: 'answered', id, response: { ...rest, headers: new Map(headers), timing: times, body: ownBody } });
  };
  const failed = (error: unknown): void => {
    exchanges[id] = undefined;
    countConnections();
    report({ status: 'failed', id, error: packError(error) });
  };
  try {
    const exchange = client.begin(request, answered, failed);
    if (!exchange.settled) exchanges[id] = exchange;
    countConnections();
  } catch (error) {
    failed(error);
  }
}

function report(message: IoReport): void {
  port.postMessage(message);
}

function countConnections(): void {
  const counts = client.connectionCounts;
  for (const what of ['open', 'idle', 'opened'] as const) Atomics.store(connections, CONNECTIONS[what], counts[what]);
}

/** The calling thread resolves names, once for all threads. */
function askCaller(host: string): Promise<readonly ResolvedAddress[]> {
  const asked = Promise.withResolvers<readonly ResolvedAddress[]>();
  names.set(host, asked);
  report({ status: 'asks-name', host });
  return asked.promise;
}

async function loadDigests(module: string | undefined): Promise<DigestSource | undefined> {
  if (module === undefined) return undefined;
  const exported = (await import(module)) as { readonly loadDigests?: () => Promise<DigestSource> };
  if (exported.loadDigests === undefined) throw new Error(`${module} has no export \`loadDigests\``);
  return exported.loadDigests();
}
