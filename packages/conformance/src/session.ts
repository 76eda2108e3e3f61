import { stripVTControlCharacters } from 'node:util';
import { type BackendInfo, KvferryError } from '@kvferry/core';
import type { ConformanceCase } from './case.ts';
import { deleteAll, openContext, withinMs } from './case-context.ts';
import { type Equipment, gate } from './gate.ts';
import { includesLevel } from './levels.ts';
import { FaultProxyServer } from './proxy/fault-proxy.ts';
import type { CaseResult } from './report.ts';
import type { ConformanceSuite, Level, SkippedCase, Target } from './types.ts';
import { isProvisional } from './versions.ts';
import { messageOf } from './waits.ts';

/** How long a case may take, in milliseconds. */
export const CASE_MS: Readonly<Record<Level, number>> = { core: 10_000, network: 10_000, stress: 120_000 };

/** How long a case that was told to end has for it, in milliseconds, before it is left behind. */
const GRACE_MS = 2_000;

export interface SessionOptions {
  readonly level: Level;
  readonly cases: readonly ConformanceCase[];
  /** Names the run in keys. */
  readonly runId: string;
  /** How long a case may take, in milliseconds. Default: {@link CASE_MS}. */
  readonly caseMs?: number | undefined;
}

/** A suite that is ready to run cases: proxy and target are up. Runners differ in who asks for which case and when; they share this. */
export class Session {
  readonly info: BackendInfo;
  /** Starts every key of the run. */
  readonly keyPrefix: string;
  /** What cleaning up could not do, in words; never a case's fault. */
  readonly leftovers: string[] = [];
  readonly #proxy: FaultProxyServer | undefined;
  readonly #equipment: Equipment;
  readonly #isRemote: boolean;
  readonly #skipped: ReadonlyMap<string, SkippedCase>;
  readonly #caseMs: number | undefined;

  /**
   * Starts the proxy where the level wants it, and makes the target. Rejects with CONFIG_INVALID for a skip list that names no case, and with
   * whatever keeps proxy, target or a first backend from being made.
   */
  static async open(suite: ConformanceSuite, options: SessionOptions): Promise<Session> {
    const skipped = skipList(suite, options.cases);
    const { upstream, upstreamCa, http2 } = suite;
    const wantsProxy = upstream !== undefined && includesLevel(options.level, 'network');
    const proxy = wantsProxy ? await FaultProxyServer.start({ upstream, upstreamCa, http2 }) : undefined;
    let target: Target | undefined;
    try {
      target = await suite.createTarget({ connectTo: proxy?.address, ca: proxy?.ca });
      const probe = target.create();
      const session = new Session(suite, target, probe.info, proxy, skipped, options);
      await session.#attempt('close of a backend that was not opened', () => probe.close());
      return session;
    } catch (thrown) {
      await withinMs(GRACE_MS * 5, async () => await target?.close?.()).catch(() => {});
      await proxy?.close();
      throw thrown;
    }
  }

  private constructor(
    suite: ConformanceSuite,
    target: Target,
    info: BackendInfo,
    proxy: FaultProxyServer | undefined,
    skipped: ReadonlyMap<string, SkippedCase>,
    options: SessionOptions,
  ) {
    this.info = info;
    this.keyPrefix = `kvferry-conformance-${options.runId}`;
    this.#caseMs = options.caseMs;
    this.#proxy = proxy;
    this.#isRemote = suite.upstream !== undefined;
    this.#skipped = skipped;
    const answers = proxy === undefined ? 'none' : proxy.speaksHttp ? 'bytes and answers' : 'bytes';
    this.#equipment = { capabilities: suite.capabilities, target, proxy: answers };
  }

  /** Says why a case would not run; see `gate`. */
  gate(conformanceCase: ConformanceCase): 'network' | { readonly reason: string } | undefined {
    const skip = this.#skipped.get(conformanceCase.id);
    if (skip !== undefined) return { reason: `left out: ${skip.reason} (${skip.link})` };
    return gate(conformanceCase, this.#equipment);
  }

  /** Runs one case that nothing keeps from running, and cleans up behind it. One at a time. `stop` ends it early, as failed. */
  async run(conformanceCase: ConformanceCase, stop?: AbortSignal): Promise<CaseResult> {
    const { id, title, sentence, level, since } = conformanceCase;
    const { capabilities, target } = this.#equipment;
    const limitMs = this.#caseMs ?? CASE_MS[level];
    const late = new AbortController();
    const signal = stop === undefined ? late.signal : AbortSignal.any([late.signal, stop]);
    const keyPrefix = `${this.keyPrefix}/${id}`;
    const opened = openContext(conformanceCase, {
      capabilities,
      target,
      isRemote: this.#isRemote,
      proxy: this.#proxy,
      keyPrefix,
      signal,
    });

    const startedMs = performance.now();
    let waitedFor: string | undefined;
    const timer = setTimeout(() => {
      waitedFor = opened.waits.toString();
      late.abort(new Error(`the case took longer than ${limitMs / 1000} s`));
    }, limitMs);
    const seen = await endOf(conformanceCase.run(opened.context), signal);
    clearTimeout(timer);
    const seconds = Math.round(performance.now() - startedMs) / 1000;

    for (const problem of await opened.cleanUp()) this.leftovers.push(`${id}: ${this.#withoutSecrets(problem)}`);
    await this.#proxy?.reset();
    if (seen === undefined) return { id, title, status: 'passed', seconds };
    // On a terminal, assert colours what it compares; a report is also a file.
    const reason =
      waitedFor === undefined
        ? stripVTControlCharacters(messageOf(seen.thrown))
        : `took longer than ${limitMs / 1000} s, waiting for ${waitedFor}`;
    const status = isProvisional(since) ? 'provisional' : 'failed';
    return { id, title, status, reason: this.#withoutSecrets(reason), sentence, seconds };
  }

  /**
   * Deletes what may have come after its case had ended, where the backend can say what is there; then closes target and proxy. What goes wrong with
   * that is left over, and costs no result.
   */
  async close(): Promise<void> {
    const { capabilities, target } = this.#equipment;
    if (capabilities.delete && capabilities.list) {
      await this.#attempt(`sweep of ${this.keyPrefix}/`, () => this.#sweep());
    }
    await this.#attempt('close of the target', async () => await target.close?.());
    await this.#proxy?.close();
  }

  /** Does what is no part of a case, for no longer than a backend that hangs may hold up the run. */
  async #attempt(what: string, run: () => Promise<void>): Promise<void> {
    await withinMs(GRACE_MS * 5, run).catch((thrown: unknown) =>
      this.leftovers.push(`${what}: ${this.#withoutSecrets(messageOf(thrown))}`),
    );
  }

  async #sweep(): Promise<void> {
    const janitor = this.#equipment.target.create();
    try {
      await janitor.open();
      const keys: string[] = [];
      for await (const { key } of janitor.list({ prefix: `${this.keyPrefix}/` })) keys.push(key);
      const problem = await deleteAll(janitor, keys);
      if (problem !== undefined) throw new Error(problem);
    } finally {
      await janitor.close();
    }
  }

  #withoutSecrets(text: string): string {
    let clean = text;
    for (const secret of this.#equipment.target.secrets ?? []) clean = clean.replaceAll(secret, '(a secret)');
    return clean;
  }
}

/** The skip list by id. Throws CONFIG_INVALID for an id that no case has: a misspelt one would leave out nothing. */
export function skipList(suite: ConformanceSuite, cases: readonly ConformanceCase[]): Map<string, SkippedCase> {
  const ids = new Set(cases.map(({ id }) => id));
  const skipped = new Map<string, SkippedCase>();
  for (const entry of suite.skip ?? []) {
    if (!ids.has(entry.id)) {
      const reason = `skip names ${JSON.stringify(entry.id)}, and no case has this id`;
      throw new KvferryError('CONFIG_INVALID', reason);
    }
    if (entry.reason === '' || entry.link === '') {
      throw new KvferryError('CONFIG_INVALID', `skip of ${entry.id} needs a reason and a link`);
    }
    skipped.set(entry.id, entry);
  }
  return skipped;
}

/** What a case threw, wrapped, as anything can be thrown; `undefined` when it passed. One that goes on long after `signal` is left behind. */
async function endOf(running: Promise<void>, signal: AbortSignal): Promise<{ readonly thrown: unknown } | undefined> {
  const leftBehind = Promise.withResolvers<{ readonly thrown: unknown }>();
  let timer: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    timer = setTimeout(() => leftBehind.resolve({ thrown: signal.reason }), GRACE_MS);
  };
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  const ended = running.then(
    // A case that comes to its end once it was told to end has not shown what it is there to show.
    () => (signal.aborted ? { thrown: signal.reason } : undefined),
    (thrown: unknown) => ({ thrown }),
  );
  try {
    return await Promise.race([ended, leftBehind.promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}
