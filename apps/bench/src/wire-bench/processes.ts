import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Worker } from '../shared/worker.ts';

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

/** Starts the server that all clients of a run talk to. */
export function startServer(name: string, prefix: readonly string[]): Worker {
  return Worker.ofModule(name, new URL('./server.ts', import.meta.url), { prefix });
}

/** Starts the process of one client. */
export function startClient(name: string, prefix: readonly string[]): Worker {
  return Worker.ofModule(name, new URL('./client.ts', import.meta.url), { prefix });
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
