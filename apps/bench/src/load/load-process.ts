import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type ErrorCode, KvferryError } from '@kvferry/core';
import type { PhaseRecord, PromptRow, RequestRow } from '../results/records.ts';
import type { LoadAnswer, LoadCommand, LoadEvent, LoadSetup, OpenedFacts, PhaseOrder } from './messages.ts';

/** The measuring process, as its parent has it: one command at a time. Each rejects with words when the process has ended, or does not answer. */
export interface LoadProcess {
  /** Opens the store. Rejects as its backend does, and with the signal's reason when that fires first: then the process is of no more use. */
  open(setup: LoadSetup, signal: AbortSignal): Promise<OpenedFacts>;
  /** Runs one phase. What goes wrong with the store is in the record. */
  phase(order: PhaseOrder, listener: PhaseListener): Promise<PhaseRecord>;
  /** Ends the process, whatever it does. Never rejects. */
  close(): Promise<void>;
}

export interface PhaseListener {
  /** Ends the phase at once, which is then `interrupted`. */
  readonly signal: AbortSignal;
  /** Rows as they come; all have come when the phase resolves. */
  onRows(rows: readonly (RequestRow | PromptRow)[]): void;
  /** Twice a second. */
  onProgress(bytesPerSecond: number): void;
}

/** Beside what a phase may take: making memory ready, reading once what is to be warm, and what is still under way at the end. */
const PHASE_SLACK_MS = 30_000;
/** Of opening and of closing, beside the time that the configuration gives an answer. */
const SLACK_MS = 15_000;
/** Of a phase that was told to stop. */
const STOP_MS = 10_000;

/** The package is bundled into one folder; its entries keep theirs. */
const entry = new URL(import.meta.url.endsWith('.ts') ? './client.ts' : './load/client.js', import.meta.url);

/** Starts the measuring process, or another that speaks as it does. */
export function startLoad(module: URL = entry): LoadProcess {
  // Standard output belongs to the command.
  const child = fork(fileURLToPath(module), { serialization: 'advanced', stdio: ['ignore', 2, 2, 'ipc'] });
  return new ForkedLoad(child);
}

interface Pending {
  readonly resolve: (answer: LoadAnswer) => void;
  readonly reject: (error: KvferryError) => void;
}

class ForkedLoad implements LoadProcess {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #pending: Pending | undefined;
  #listener: PhaseListener | undefined;
  #gone: KvferryError | undefined;

  constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (message) => this.#hear(message as LoadAnswer | LoadEvent));
    child.on('error', (error) => this.#end(`the measuring process could not be used: ${error.message}`));
    child.on('exit', (code, signal) => this.#end(`the measuring process ended with ${signal ?? `exit code ${code}`}`));
    // Not `close`, which does not come where it is the parent that disconnects.
    this.#ended = once(child, 'exit').then(
      () => {},
      () => {},
    );
  }

  async open(setup: LoadSetup, signal: AbortSignal): Promise<OpenedFacts> {
    signal.throwIfAborted();
    const { promise: left, reject } = Promise.withResolvers<never>();
    const leave = (): void => reject(signal.reason);
    signal.addEventListener('abort', leave);
    try {
      const asked = this.#ask({ do: 'open', setup }, setup.seat.loaded.config.blockingTimeoutMs + SLACK_MS);
      const answer = await Promise.race([asked, left]);
      if (answer.status === 'opened') return answer.info;
      throw unexpected(answer);
    } finally {
      signal.removeEventListener('abort', leave);
    }
  }

  async phase(order: PhaseOrder, listener: PhaseListener): Promise<PhaseRecord> {
    const { signal } = listener;
    this.#listener = listener;
    let stopTimer: NodeJS.Timeout | undefined;
    const stop = (): void => {
      this.#send({ do: 'stop' });
      stopTimer = setTimeout(() => this.#giveUp(STOP_MS), STOP_MS);
    };
    try {
      const asked = this.#ask({ do: 'phase', phase: order }, order.warmUpMs + order.maxMs + PHASE_SLACK_MS);
      if (signal.aborted) stop();
      else signal.addEventListener('abort', stop, { once: true });
      const answer = await asked;
      if (answer.status === 'phase') return answer.record;
      throw unexpected(answer);
    } finally {
      clearTimeout(stopTimer);
      signal.removeEventListener('abort', stop);
      this.#listener = undefined;
    }
  }

  async close(): Promise<void> {
    try {
      await this.#ask({ do: 'close' }, SLACK_MS);
    } catch {
      // It ends all the same, and with it whatever it had open.
    }
    if (this.#child.connected) this.#child.disconnect();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), SLACK_MS);
    await this.#ended;
    clearTimeout(timer);
  }

  async #ask(command: LoadCommand, limitMs: number): Promise<LoadAnswer> {
    if (this.#gone !== undefined) throw this.#gone;
    if (this.#pending !== undefined) throw new KvferryError('INVALID_ARGUMENT', 'the measuring process is busy');
    const { promise, resolve, reject } = Promise.withResolvers<LoadAnswer>();
    this.#pending = { resolve, reject };
    const timer = setTimeout(() => this.#giveUp(limitMs), limitMs);
    this.#send(command);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#pending = undefined;
    }
  }

  #send(command: LoadCommand): void {
    // That it cannot be sent is said by the end of the process.
    if (this.#child.connected) this.#child.send(command, () => {});
  }

  #hear(message: LoadAnswer | LoadEvent): void {
    if ('status' in message) this.#pending?.resolve(message);
    else if (message.event === 'rows') this.#listener?.onRows(message.rows);
    else this.#listener?.onProgress(message.bytesPerSecond);
  }

  #giveUp(limitMs: number): void {
    this.#end(`the measuring process did not answer within ${Math.round(limitMs / 1000)} s`, 'TIMEOUT');
    this.#child.kill('SIGKILL');
  }

  #end(reason: string, code: ErrorCode = 'UNKNOWN'): void {
    this.#gone ??= new KvferryError(code, reason);
    this.#pending?.reject(this.#gone);
  }
}

function unexpected(answer: LoadAnswer): KvferryError {
  if (answer.status === 'failed') return new KvferryError(answer.code as ErrorCode, answer.message);
  return new KvferryError('UNKNOWN', `the measuring process answered ${answer.status} to something else`);
}
