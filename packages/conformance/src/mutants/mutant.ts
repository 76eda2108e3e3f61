import {
  type Capabilities,
  defineBackend,
  forwardTo,
  KvferryError,
  type LayerMethods,
  memoryBackend,
  type RemoteBackend,
} from '@kvferry/core';
import type { Target } from '../types.ts';

/** A backend that breaks one promise, and the cases that must see it. */
export interface Mutant {
  /** What it does wrong. */
  readonly fault: string;
  /** The number of LMCache's own fault that it is, where it is one. */
  readonly lmcacheFault?: number | undefined;
  /** What its author says it can do. Default: what the memory backend can. */
  readonly capabilities?: Capabilities | undefined;
  readonly make: (inner: RemoteBackend) => RemoteBackend;
  /** The ids of the cases that fail, all of them. */
  readonly caught: readonly string[];
}

/** What the memory backend can do. */
export const memoryCapabilities: Capabilities = memoryBackend().capabilities;

/** The secret that the targets of mutants name. */
export const MUTANT_SECRET = 'wJalrXUtnFEMI-not-to-be-told';

/** The target of a mutant: each backend over a memory of its own, which can be reached past it. */
export function targetOf(make: (inner: RemoteBackend) => RemoteBackend): Target {
  const inners: RemoteBackend[] = [];
  const open = (): RemoteBackend[] => inners.filter(({ state }) => state === 'open');
  return {
    create: () => {
      const inner = memoryBackend();
      inners.push(inner);
      return make(inner);
    },
    rawRead: async (key) => {
      for (const inner of open()) {
        const stat = await first(inner.stat([key]));
        if (stat.status !== 'hit') continue;
        const into = new Uint8Array(stat.byteLength);
        await inner.get([{ key, into }]);
        return into;
      }
      return undefined;
    },
    rawWrite: async (key, bytes) => {
      for (const inner of open()) await inner.put([{ key, parts: [bytes] }]);
    },
    secrets: [MUTANT_SECRET],
  };
}

/** Breaks the driver's side: what `defineBackend` sees to still holds. */
export function driver(change: (inner: RemoteBackend) => LayerMethods): Mutant['make'] {
  return (inner) => defineBackend(forwardTo(inner, change(inner)));
}

/** Breaks the caller's side: what `defineBackend` would have seen to. */
export function facade(change: (inner: RemoteBackend) => Partial<RemoteBackend>): Mutant['make'] {
  return (inner) => {
    const own = change(inner);
    return new Proxy(inner, {
      get(target, property) {
        const owner = Object.hasOwn(own, property) ? own : target;
        const value: unknown = Reflect.get(owner, property, owner);
        return typeof value === 'function' ? value.bind(owner) : value;
      },
    });
  };
}

/** The one result of a call on one item. */
export async function first<Result>(results: Promise<Result[]>): Promise<Result> {
  return (await results)[0] as Result;
}

export function aborted(): KvferryError {
  return new KvferryError('ABORTED', 'the caller aborted');
}
