import { Worker } from 'node:worker_threads';
import type { Errand, ErrandCarrier } from './errand.ts';
import { WireError } from './errors.ts';
import {
  CONNECTIONS,
  clockOriginMs,
  type IoCommand,
  type IoReport,
  type IoResponse,
  type IoThreadSetup,
} from './io-messages.ts';
import { packError, unpackError } from './packed-error.ts';
import type { ResolvedAddress, WireRequest } from './types.ts';

/** Whoever keeps the thread. */
export interface IoThreadOwner {
  addressesOf(host: string): Promise<readonly ResolvedAddress[]>;
  /** It takes no more errands. Those that it had are about to fail. */
  threadEnded(thread: IoThread): void;
}

/** A thread with a client of its own, seen from the calling thread. It keeps the process alive while it carries an errand. */
export class IoThread implements ErrandCarrier {
  readonly #owner: IoThreadOwner;
  readonly #worker: Worker;
  readonly #connections: Int32Array = new Int32Array(new SharedArrayBuffer(12));
  /** By id. Ids are used again: a table that takes and gives all the time costs what `takeOut` says. */
  readonly #errands: (Errand | undefined)[] = [];
  readonly #freeIds: number[] = [];
  #busy = 0;
  #isReady = false;
  #problem: unknown;

  /** Starts it. Throws INVALID where this process may start no thread. */
  constructor(options: IoThreadSetup['options'], owner: IoThreadOwner) {
    this.#owner = owner;
    const setup: IoThreadSetup = { options, clockOriginMs: clockOriginMs(), connections: this.#connections };
    try {
      this.#worker = new Worker(entry, { name: 'kvferry-io', workerData: setup, ...execArgv() });
    } catch (cause) {
      throw didNotStart(cause);
    }
    this.#worker.on('message', this.#reported);
    this.#worker.on('error', (problem) => {
      this.#problem = problem;
    });
    this.#worker.once('exit', this.#ended);
    this.#worker.unref();
  }

  /** How many errands it has. */
  get busy(): number {
    return this.#busy;
  }

  count(what: keyof typeof CONNECTIONS): number {
    return Atomics.load(this.#connections, CONNECTIONS[what]);
  }

  carry(errand: Errand): void {
    errand.carrier = this;
    errand.id = this.#freeIds.pop() ?? this.#errands.length;
    this.#errands[errand.id] = errand;
    if (this.#busy++ === 0) this.#worker.ref();
    if (this.#isReady) this.#send(errand);
  }

  /** Ends an errand early: at once where the thread has not seen it yet, else when the thread has said that it is over. */
  abandon({ id }: Errand, error: WireError): void {
    if (this.#isReady) this.#tell({ do: 'abandon', id });
    else this.#take(id)?.fail(error);
  }

  /** Lets go of memory that the calling thread has let go of. */
  letGo(): void {
    if (this.#isReady) this.#tell({ do: 'collect' });
  }

  /** Ends it, and its errands with `error`. Resolves when it is gone. */
  async end(error: WireError): Promise<void> {
    for (const errand of this.#errands.slice()) errand?.abandon(error);
    await this.#worker.terminate();
  }

  #send({ id, request }: Errand): void {
    try {
      this.#tell({ do: 'request', id, request: crossing(request) });
    } catch (cause) {
      const reason = 'the request cannot be sent: something in it cannot be given to another thread';
      this.#take(id)?.fail(new WireError('INVALID', reason, { cause }));
    }
  }

  #tell(command: IoCommand): void {
    this.#worker.postMessage(command);
  }

  readonly #reported = (report: IoReport): void => {
    switch (report.status) {
      case 'answered':
        this.#answered(report.id, report.response);
        return;
      case 'failed':
        this.#take(report.id)?.fail(unpackError(report.error));
        return;
      case 'asks-name':
        void this.#findName(report.host);
        return;
      case 'ready':
        this.#isReady = true;
        for (const errand of this.#errands.slice()) if (errand !== undefined) this.#send(errand);
    }
  };

  #answered(id: number, { timing, body, ...rest }: IoResponse): void {
    const errand = this.#take(id);
    errand?.succeed({ ...rest, body: body ?? nothing, timing: { startMs: errand.startMs, ...timing } });
  }

  async #findName(host: string): Promise<void> {
    try {
      const addresses = await this.#owner.addressesOf(host);
      this.#tell({ do: 'adopt-addresses', host, addresses });
    } catch (error) {
      this.#tell({ do: 'give-up-name', host, error: packError(error) });
    }
  }

  #take(id: number): Errand | undefined {
    const errand = this.#errands[id];
    if (errand === undefined) return undefined;
    this.#errands[id] = undefined;
    this.#freeIds.push(id);
    errand.carrier = undefined;
    if (--this.#busy === 0) this.#worker.unref();
    return errand;
  }

  /** The thread is gone, and every socket with it: whatever memory it had is quiet. */
  readonly #ended = (): void => {
    this.#owner.threadEnded(this);
    const error = this.#isReady ? diedUnder(this.#problem) : didNotStart(this.#problem);
    for (const errand of this.#errands.slice()) if (errand !== undefined) this.#take(errand.id)?.fail(error);
  };
}

/** The module that such a thread runs, beside this one in the sources as in what is built of them. */
const entry = new URL(import.meta.url.endsWith('.ts') ? './io-worker.ts' : './io-worker.js', import.meta.url);

/**
 * A thread inherits Node's own options. With `--input-type`, which a program has that came by `--eval` or standard input, it would refuse its module
 * (ERR_INPUT_TYPE_NOT_ALLOWED): it then gets none.
 */
function execArgv(): { readonly execArgv?: string[] } {
  return process.execArgv.some((option) => option.startsWith('--input-type')) ? { execArgv: [] } : {};
}

/** What of a request goes to a thread, and nothing that a caller may have added to it. */
function crossing({ origin, method, path, headers, body, into, digest }: WireRequest): WireRequest {
  const { scheme, host, port, connectTo } = origin;
  const place = connectTo === undefined ? undefined : { host: connectTo.host, port: connectTo.port };
  return { origin: { scheme, host, port, connectTo: place }, method, path, headers, body, into, digest };
}

function diedUnder(cause: unknown): WireError {
  return new WireError('RESET', `the I/O thread ended before the response was whole${reasonOf(cause)}`, { cause });
}

function didNotStart(cause: unknown): WireError {
  const wayOut = 'Without I/O threads (`ioThreads: 0`) the calling thread does their work';
  return new WireError('INVALID', `an I/O thread did not start${reasonOf(cause)}. ${wayOut}`, { cause });
}

function reasonOf(cause: unknown): string {
  if (cause === undefined) return '';
  return `: ${cause instanceof Error ? cause.message : String(cause)}`;
}

const nothing: Uint8Array = new Uint8Array(0);
