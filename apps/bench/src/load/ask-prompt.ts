import { type KvCache, KvferryError, type Retrieved } from '@kvferry/core';
import type { PromptRow } from '../results/records.ts';
import type { PhaseRun } from './phase-run.ts';
import { isStamped } from './stamps.ts';

/** A prompt whose beginning is stored. */
export interface HalfStoredPrompt {
  readonly tokens: Uint32Array;
  readonly hitTokens: number;
}

/** What became of a prompt: its row, and what went wrong with it. */
export interface AskedPrompt {
  readonly row: PromptRow;
  /** `wrong`: bytes that are not those that were stored. */
  readonly problem: { readonly kind: 'failed' | 'wrong'; readonly error: KvferryError } | undefined;
}

/** Looks a prompt up, and loads what of it is stored, as an engine does before its prefill. Rejects only with ABORTED, when the phase calls it off. */
export async function askPrompt(
  run: PhaseRun,
  cache: KvCache,
  prompt: HalfStoredPrompt,
  dueMs: number | undefined,
): Promise<AskedPrompt> {
  const { tokens } = prompt;
  const { signal } = run;
  const startMs = run.now();
  const found = await cache.lookup(tokens, { signal });
  const lookedUpMs = run.now();
  let end = found.end;
  let [endMs, hitTokens, chunks] = [lookedUpMs, 0, 0];
  let wrong: KvferryError | undefined;
  if (end.status !== 'failed' && found.hitTokens > 0) {
    const loaded = await cache.retrieve(tokens.subarray(0, found.hitTokens), { signal });
    try {
      endMs = run.now();
      ({ hitTokens } = loaded);
      chunks = loaded.chunks.length;
      if (loaded.end.status === 'failed') end = loaded.end;
      wrong = wrongChunk(loaded);
    } finally {
      loaded[Symbol.dispose]();
    }
  }
  const bytes = chunks * cache.info.chunkBytes;
  run.moved(bytes);
  const problem = problemOf();
  return {
    row: {
      kind: 'prompt',
      phase: run.order.id,
      dueMs: dueMs ?? startMs,
      startMs,
      lookedUpMs,
      endMs,
      tokens: tokens.length,
      hitTokens,
      bytes,
      error: problem?.error.code ?? null,
    },
    problem,
  };

  function problemOf(): AskedPrompt['problem'] {
    if (wrong !== undefined) return { kind: 'wrong', error: wrong };
    if (end.status === 'failed') return { kind: 'failed', error: end.error };
    if (hitTokens === prompt.hitTokens) return undefined;
    const reason = `of a prompt of which ${prompt.hitTokens} tokens were stored, ${hitTokens} were found`;
    return { kind: 'failed', error: new KvferryError('UNKNOWN', reason) };
  }
}

/** The error for a chunk whose bytes are another's. */
export function wrongBytes(key: string): KvferryError {
  const reason = 'the bytes that came are not those that this run stored under this key';
  return new KvferryError('CORRUPT', reason, { operation: 'get', key });
}

function wrongChunk({ chunks }: Retrieved): KvferryError | undefined {
  const wrong = chunks.find(({ bytes, hash }) => !isStamped(bytes, hash));
  return wrong === undefined ? undefined : wrongBytes(wrong.key);
}
