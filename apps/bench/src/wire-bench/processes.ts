import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** How the processes of a run share the machine's cores. */
export interface Cores {
  /** For people. */
  readonly description: string;
  /** Command that precedes Node, empty where processes are not bound. */
  readonly server: readonly string[];
  readonly client: readonly string[];
}

/**
 * Binds server and clients to a core each, where there are two and `taskset` is there to do it: a client that wanders, or shares the
 * server's core, is billed for what the server did to its caches. Threads of a client share its core.
 */
export function chooseCores(): Cores {
  const allowed = allowedCores();
  const [server, client] = [allowed[0], allowed[1]];
  if (server === undefined || client === undefined || spawnSync('taskset', ['-c', `${client}`, 'true']).status !== 0) {
    return { description: 'not bound to cores', server: [], client: [] };
  }
  return {
    description: `server bound to core ${server}, clients to core ${client}`,
    server: ['taskset', '-c', `${server}`],
    client: ['taskset', '-c', `${client}`],
  };
}

/** Whatever a process is asked for takes a second or two; one that hangs has failed. */
export const ANSWER_MS = 60_000;

/** A child process that answers one message at a time. What it prints goes to standard error. */
export class Worker {
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #ended: Promise<never>;
  #running = true;

  constructor(name: string, module: string, prefix: readonly string[]) {
    this.#name = name;
    const [command = '', ...args] = [...prefix, process.execPath, fileURLToPath(new URL(module, import.meta.url))];
    this.#child = spawn(command, args, { stdio: ['ignore', 2, 2, 'ipc'] });
    this.#ended = new Promise((_, reject) => {
      this.#child.once('error', reject);
      this.#child.once('exit', (code, signal) =>
        reject(new Error(`the process of ${name} ended with ${signal ?? `exit code ${code}`}`)),
      );
    });
    this.#ended.catch(() => {
      this.#running = false;
    });
  }

  /** Sends one message and waits for its answer. Rejects when the process ends, or has not answered after `timeoutMs`. */
  async ask<Answer>(message: object, timeoutMs: number): Promise<Answer> {
    const cancel = new AbortController();
    const timer = setTimeout(
      () => cancel.abort(new Error(`${this.#name} did not answer within ${timeoutMs} ms`)),
      timeoutMs,
    );
    try {
      const answered = once(this.#child, 'message', { signal: cancel.signal });
      answered.catch(() => {});
      this.#child.send(message);
      const [answer] = (await Promise.race([answered, this.#ended])) as [Answer];
      return answer;
    } catch (error) {
      throw cancel.signal.aborted ? cancel.signal.reason : error;
    } finally {
      clearTimeout(timer);
      cancel.abort();
    }
  }

  async stop(): Promise<void> {
    if (this.#running) {
      this.#child.kill('SIGKILL');
      await this.#ended.catch(() => {});
    }
  }
}

function allowedCores(): number[] {
  let list: string;
  try {
    list = /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '';
  } catch {
    return [];
  }
  return list.split(',').flatMap((range) => {
    const [first = Number.NaN, last = first] = range.split('-').map(Number);
    return Number.isNaN(first) ? [] : Array.from({ length: last - first + 1 }, (_, step) => first + step);
  });
}
