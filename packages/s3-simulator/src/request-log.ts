/** What the server saw: the latest requests, and how many are open. */

import type { Line } from './line.ts';
import type { SimulatorRequest } from './types.ts';

const KEPT = 10_000;

/** One line of the log, still to be filled in by the server. */
export class RequestEntry implements SimulatorRequest {
  readonly method: string;
  readonly url: string;
  readonly connection: string;
  readonly protocol: SimulatorRequest['protocol'];
  status = 0;
  bytesIn = 0;
  bytesOut = 0;
  state: SimulatorRequest['state'] = 'open';
  readonly #rawHeaders: readonly string[];

  constructor(method: string, url: string, line: Line) {
    this.method = method;
    this.url = url;
    this.connection = line.client;
    this.protocol = line.protocol;
    this.#rawHeaders = line.rawHeaders;
  }

  get headers(): Readonly<Record<string, string>> {
    const headers: Record<string, string> = {};
    for (const [name, values] of headerMap(this.#rawHeaders)) headers[name] = values.join(', ');
    return headers;
  }
}

export class RequestLog {
  #entries: RequestEntry[] = [];
  #open = 0;
  #maxOpen = 0;

  get entries(): readonly SimulatorRequest[] {
    return this.#entries.slice(-KEPT);
  }

  get openRequests(): number {
    return this.#open;
  }

  get maxOpenRequests(): number {
    return this.#maxOpen;
  }

  begin(entry: RequestEntry): void {
    // Cut seldom, so that a request costs no shift of the whole list.
    if (this.#entries.length >= 2 * KEPT) this.#entries = this.#entries.slice(-KEPT);
    this.#entries.push(entry);
    this.#open++;
    this.#maxOpen = Math.max(this.#maxOpen, this.#open);
  }

  end(entry: RequestEntry, state: 'done' | 'aborted'): void {
    if (entry.state !== 'open') return;
    entry.state = state;
    this.#open--;
  }

  clear(): void {
    this.#entries = [];
    this.#maxOpen = this.#open;
  }
}

/** Headers by name in lower case, the values of one name in order of arrival. */
export function headerMap(rawHeaders: readonly string[]): Map<string, string[]> {
  const map = new Map<string, string[]>();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase();
    const value = rawHeaders[i + 1] ?? '';
    const values = map.get(name);
    if (values === undefined) map.set(name, [value]);
    else values.push(value);
  }
  return map;
}
