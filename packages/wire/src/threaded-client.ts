import { AbortWatch, abortError } from './abort-watch.ts';
import type { PooledClient } from './client.ts';
import { Errand } from './errand.ts';
import { closedError } from './errors.ts';
import type { IoThreadSetup } from './io-messages.ts';
import { IoThread, type IoThreadOwner } from './io-thread.ts';
import { LentMemory } from './lent-memory.ts';
import type { ResolvedAddress, WireClient, WireRequest, WireResponse, WireStats } from './types.ts';

/**
 * A client whose bodies in shared memory are moved by threads, the least busy first; everything else stays with the client of the calling
 * thread, since a hop to another thread and back costs as much as a small request.
 *
 * A thread starts when a request finds all that run busy. One that has ended is replaced with a request that wants it.
 */
export class ThreadedClient implements WireClient, IoThreadOwner {
  readonly #local: PooledClient;
  readonly #options: IoThreadSetup['options'];
  readonly #threads: (IoThread | undefined)[];
  readonly #aborts = new AbortWatch();
  readonly #lent = new LentMemory(() => {
    for (const thread of this.#threads) thread?.letGo();
  });
  readonly #requestsByAddress = new Map<string, number>();
  /** By threads that have ended. */
  #connectionsOpened = 0;
  #closing: Promise<void> | undefined;

  constructor(threads: number, options: IoThreadSetup['options'], local: PooledClient) {
    this.#threads = Array.from({ length: threads }, () => undefined);
    this.#options = options;
    this.#local = local;
  }

  get stats(): WireStats {
    const local = this.#local.stats;
    const requestsByAddress = new Map(local.requestsByAddress);
    for (const [address, requests] of this.#requestsByAddress) {
      requestsByAddress.set(address, (requestsByAddress.get(address) ?? 0) + requests);
    }
    let { openConnections, idleConnections, requestsInFlight, connectionsOpened } = local;
    connectionsOpened += this.#connectionsOpened;
    for (const thread of this.#threads) {
      if (thread === undefined) continue;
      openConnections += thread.count('open');
      idleConnections += thread.count('idle');
      connectionsOpened += thread.count('opened');
      requestsInFlight += thread.busy;
    }
    return { openConnections, idleConnections, requestsInFlight, connectionsOpened, requestsByAddress };
  }

  request(request: WireRequest): Promise<WireResponse> {
    const { signal } = request;
    if (this.#closing !== undefined || !movesSharedMemory(request)) return this.#local.request(request);
    return new Promise((resolve, reject) => {
      if (signal?.aborted) throw abortError(signal);
      const thread = this.#leastBusy();
      const errand = new Errand(request, this.#settled, resolve, reject);
      if (signal !== undefined) this.#aborts.add(signal, errand);
      if (request.into !== undefined) this.#lent.add(request.into);
      if (request.body !== undefined) for (const part of request.body) this.#lent.add(part);
      thread.carry(errand);
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  addressesOf(host: string): Promise<readonly ResolvedAddress[]> {
    return this.#local.addressesOf(host);
  }

  threadEnded(thread: IoThread): void {
    this.#connectionsOpened += thread.count('opened');
    this.#threads[this.#threads.indexOf(thread)] = undefined;
  }

  async #end(): Promise<void> {
    const ending = this.#threads.map((thread) => thread?.end(closedError()));
    await Promise.all([this.#local.close(), ...ending]);
  }

  /** The first of those that have the least to do, so that few requests wake few threads. */
  #leastBusy(): IoThread {
    let at = 0;
    let fewest = Number.POSITIVE_INFINITY;
    for (let index = 0; index < this.#threads.length && fewest > 0; index++) {
      const busy = this.#threads[index]?.busy ?? 0;
      if (busy >= fewest) continue;
      at = index;
      fewest = busy;
    }
    const thread = this.#threads[at] ?? new IoThread(this.#options, this);
    this.#threads[at] = thread;
    return thread;
  }

  readonly #settled = (errand: Errand, remoteAddress: string | undefined): void => {
    const { signal } = errand.request;
    if (signal !== undefined) this.#aborts.remove(signal, errand);
    if (remoteAddress === undefined) return;
    this.#requestsByAddress.set(remoteAddress, (this.#requestsByAddress.get(remoteAddress) ?? 0) + 1);
  };
}

/** Whether it carries a body, and every byte of it lies in memory that another thread can have too. */
function movesSharedMemory({ method, into, body = [] }: WireRequest): boolean {
  if (method === 'HEAD' || (into === undefined && body.length === 0)) return false;
  return (into === undefined || isShared(into)) && body.every(isShared);
}

function isShared({ buffer }: Uint8Array): boolean {
  return buffer instanceof SharedArrayBuffer;
}
