import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { WireError } from './errors.ts';
import type { ResolvedAddress } from './types.ts';

/** Turns a name into addresses. */
export type Resolve = (host: string) => Promise<readonly ResolvedAddress[]>;

/**
 * Addresses of host names, asked for at most every 10 s per name.
 *
 * Once they are older than that, the next request has them asked for again, and goes on with those it knows: only a name that has been out
 * of use for a minute is waited for. Where asking again fails, the old ones stay, for as long as the name is in use.
 */
export class AddressBook {
  readonly #resolve: Resolve;
  readonly #entries = new Map<string, Entry>();

  constructor(resolve: Resolve | undefined) {
    this.#resolve = resolve ?? resolveBySystem;
  }

  /** The addresses of `host`, at once where they are known. Rejects with DNS. */
  find(host: string, nowMs: number): readonly ResolvedAddress[] | Promise<readonly ResolvedAddress[]> {
    let entry = this.#entries.get(host);
    if (entry === undefined) {
      const addresses = literal(host);
      const askedAtMs = addresses === undefined ? nowMs : Number.POSITIVE_INFINITY;
      entry = { addresses, askedAtMs, usedAtMs: nowMs, asking: undefined };
      this.#entries.set(host, entry);
    }
    const unusedMs = nowMs - entry.usedAtMs;
    entry.usedAtMs = nowMs;
    if (entry.addresses !== undefined && nowMs - entry.askedAtMs < freshMs) return entry.addresses;
    if (unusedMs > staleMs) entry.addresses = undefined;
    entry.asking ??= this.#startAsking(host, entry, nowMs);
    return entry.addresses ?? entry.asking;
  }

  #startAsking(host: string, entry: Entry, nowMs: number): Promise<readonly ResolvedAddress[]> {
    entry.askedAtMs = nowMs;
    // Not within #ask, which may be over before it has answered: a `resolve` that throws ends it at once.
    const asking = this.#ask(host, entry).finally(() => {
      entry.asking = undefined;
    });
    // Perhaps nobody waits for it.
    asking.catch(ignore);
    return asking;
  }

  async #ask(host: string, entry: Entry): Promise<readonly ResolvedAddress[]> {
    try {
      const found = await this.#resolve(host);
      if (found.length === 0) throw new Error('it has no address');
      entry.addresses = found;
      return found;
    } catch (error) {
      // Of the calling thread, which has said so already.
      if (WireError.is(error)) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw new WireError('DNS', `the host name ${host} does not resolve: ${reason}`, { cause: error });
    }
  }
}

interface Entry {
  addresses: readonly ResolvedAddress[] | undefined;
  /** When it was last asked for, whatever came of it. */
  askedAtMs: number;
  usedAtMs: number;
  asking: Promise<readonly ResolvedAddress[]> | undefined;
}

const freshMs = 10_000;
const staleMs = 60_000;

function literal(host: string): readonly ResolvedAddress[] | undefined {
  const family = isIP(host);
  return family === 4 || family === 6 ? [{ address: host, family }] : undefined;
}

async function resolveBySystem(host: string): Promise<readonly ResolvedAddress[]> {
  // Loopback by definition (RFC 6761, section 6.3), though few resolvers know it.
  if (host.toLowerCase().endsWith('.localhost')) return [{ address: '127.0.0.1', family: 4 }];
  const found = await lookup(host, { all: true, order: 'verbatim' });
  return found.map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4 }));
}

function ignore(): void {}
