import { type Capabilities, type Key, keyProblem, type RemoteBackend } from '@kvferry/core';
import type { CaseContext, ConformanceCase, Need } from './case.ts';
import { PROVOKED_ANSWERS } from './proxy/provoked-answers.ts';
import type { FaultProxy } from './proxy/types.ts';
import type { Target } from './types.ts';
import { messageOf, Waits, watchedBackend } from './waits.ts';

/** What a context is made of. */
export interface CaseSurroundings {
  readonly capabilities: Capabilities;
  readonly target: Target;
  /** See {@link CaseContext.isRemote}. */
  readonly isRemote: boolean;
  readonly proxy: FaultProxy | undefined;
  /** Starts every key of the case; no other case has the same. Without a slash at its end. */
  readonly keyPrefix: string;
  readonly signal: AbortSignal;
}

/** A context, and what is left to do when its case has ended. */
export interface OpenContext {
  readonly context: CaseContext;
  readonly waits: Waits;
  /** Closes and deletes what the case made; gives what went wrong with that, in words. Bounded in time, whatever the backend does. */
  cleanUp(): Promise<string[]>;
}

/** How long one step of cleaning up may take, in milliseconds: a backend that hangs costs this much, and the run goes on. */
const CLEAN_UP_MS = 5_000;

/** Makes the context of one case. */
export function openContext(conformanceCase: ConformanceCase, surroundings: CaseSurroundings): OpenContext {
  const { capabilities, target, isRemote, proxy, keyPrefix, signal } = surroundings;
  const waits = new Waits();
  const backends: RemoteBackend[] = [];
  const written = new Set<Key>();
  let keysMade = 0;

  function requireNeed(need: Need): void {
    if (conformanceCase.needs.includes(need)) return;
    throw new Error(`${conformanceCase.id} uses ${need} and does not name it among its needs`);
  }
  function watch(backend: RemoteBackend): RemoteBackend {
    const watched = watchedBackend(backend, waits, (key) => written.add(key));
    backends.push(watched);
    return watched;
  }
  const create = (): RemoteBackend => watch(target.create());
  const key = (tail = ''): Key => {
    keysMade += 1;
    return `${keyPrefix}/${keysMade}${tail}`;
  };

  const context: CaseContext = {
    capabilities,
    isRemote,
    create,
    open: async () => {
      const backend = create();
      await backend.open();
      return backend;
    },
    key,
    keys: (count) => Array.from({ length: count }, () => key()),
    value,
    provoke: async (provocation) => {
      requireNeed(provocation);
      const own = target.provoke?.[provocation];
      const backend = own === undefined ? create() : watch(own());
      await backend.open();
      if (own === undefined) proxy?.answer(PROVOKED_ANSWERS[provocation]());
      return backend;
    },
    heal: () => proxy?.clear(),
    get proxy() {
      requireNeed('bytes');
      if (proxy === undefined) throw new Error('there is no proxy');
      return watchedProxy(proxy, waits);
    },
    rawRead: async (key) => {
      requireNeed('rawRead');
      return await waits.during(`rawRead of ${JSON.stringify(key)}`, required(target.rawRead)(key));
    },
    rawWrite: async (key, bytes) => {
      requireNeed('rawWrite');
      written.add(key);
      await waits.during(`rawWrite of ${JSON.stringify(key)}`, required(target.rawWrite)(key, bytes));
    },
    secrets: target.secrets ?? [],
    signal,
  };

  async function cleanUp(): Promise<string[]> {
    const problems: string[] = [];
    const attempt = async (what: string, run: () => Promise<string | undefined>): Promise<void> => {
      const problem = await withinMs(CLEAN_UP_MS, run).catch(messageOf);
      if (problem !== undefined) problems.push(`${what}: ${problem}`);
    };
    // First: what the proxy holds back would keep the backends from ending.
    proxy?.clear();
    await Promise.all(backends.map((backend) => attempt('close', async () => void (await backend.close()))));
    // Some cases put under what is no key, to have it refused.
    const keys = [...written].filter((key) => keyProblem(key) === undefined);
    if (capabilities.delete && keys.length > 0) {
      let janitor: RemoteBackend | undefined;
      await attempt('delete of its keys', async () => {
        janitor = target.create();
        return await deleteAll(janitor, keys);
      });
      await attempt('close', async () => void (await janitor?.close()));
    }
    return problems;
  }

  return { context, waits, cleanUp };
}

/** Deletes what is there of these keys with a backend that is not open yet; says what could not be deleted. */
export async function deleteAll(backend: RemoteBackend, keys: readonly Key[]): Promise<string | undefined> {
  await backend.open();
  const results = await backend.delete(keys);
  return results.find((result) => result.status === 'failed')?.error.message;
}

/** Bytes that follow from `seed` (xorshift32, which is quick and never gives a long run of one byte). */
export function value(byteLength: number, seed = 1): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(byteLength / 4));
  // Zero is the one state that xorshift cannot leave.
  let state = Math.imul(seed + 1, 0x9e3779b1) || 1;
  for (let index = 0; index < words.length; index += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[index] = state;
  }
  return new Uint8Array(words.buffer, 0, byteLength);
}

/** Only its waits are watched: everything else is the proxy's own. */
function watchedProxy(proxy: FaultProxy, waits: Waits): FaultProxy {
  return new Proxy(proxy, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== 'function') return value;
      if (property !== 'until') return value.bind(target);
      return (condition: Parameters<FaultProxy['until']>[0], signal: AbortSignal) =>
        waits.during(`the proxy's counts to meet ${condition}`, target.until(condition, signal));
    },
  });
}

function required<Function>(present: Function | undefined): Function {
  if (present === undefined) throw new Error('the target does not give it');
  return present;
}

/** What `run` gives, or a rejection when it takes longer; it is not ended then. */
export async function withinMs<Result>(limitMs: number, run: () => Promise<Result>): Promise<Result> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`did not settle in ${limitMs / 1000} s`)), limitMs);
  try {
    return await Promise.race([run(), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
