import type { BufferLease, ChunkTensor } from '@kvferry/core';
import type { PromptRow } from '../../results/records.ts';
import { giveBack } from '../chunk-memory.ts';
import { inSlots } from '../closed-loop.ts';
import type { PhaseRun } from '../phase-run.ts';
import type { Stage, StoredPrompt } from '../stage.ts';
import { stamp } from '../stamps.ts';

/** One is stored while the next is on its way: more prompts at once than an engine prefills would only take memory. */
const PROMPTS_AT_ONCE = 2;

/**
 * Stores all prompts of the run, two at a time where there is memory for them, each as a whole. It has no warm-up, since what it writes is written once, and is
 * never steady: others read what is there at its end. The first chunk that is not stored ends it.
 */
export async function storePrompts(run: PhaseRun, stage: Stage, tell: (row: PromptRow) => void): Promise<void> {
  const { memory, prompts } = stage;
  const promptChunks = Math.max(0, ...prompts.map((prompt) => prompt.chunks.length));
  const slots = Math.min(PROMPTS_AT_ONCE, memory.timesFor(promptChunks), prompts.length);
  const leases = await memory.lease(slots * promptChunks, `storing ${slots} prompts of ${promptChunks} chunks`);
  const cache = await stage.openCache('staging-only');
  const left = prompts.values();
  try {
    run.measure();
    await inSlots(
      run,
      slots,
      async (slot) => {
        const prompt = run.isOver ? undefined : left.next().value;
        if (prompt === undefined) return run.finish('done');
        if (!run.takeBytes(prompt.chunks.length * memory.chunkBytes)) return;
        await storePrompt(prompt, leases.slice(slot * promptChunks, (slot + 1) * promptChunks));
      },
      () => !run.isOver,
    );
  } finally {
    await cache.close();
    giveBack(leases);
  }

  async function storePrompt({ tokens, chunks }: StoredPrompt, buffers: readonly BufferLease[]): Promise<void> {
    const { layout } = stage.identity;
    const tensors = chunks.map(({ hash }, index): ChunkTensor => {
      const { bytes } = buffers[index] as BufferLease;
      stamp(bytes, hash);
      return { layout, bytes };
    });
    const startMs = run.now();
    const results = await cache.store(tokens, tensors, { signal: run.signal });
    const endMs = run.now();
    const sent = results.filter(({ result }) => result.status === 'stored' || result.status === 'exists');
    const failure = results.find(({ result }) => result.status === 'failed')?.result;
    const bytes = sent.length * memory.chunkBytes;
    run.moved(bytes);
    tell({
      kind: 'prompt',
      phase: run.order.id,
      dueMs: startMs,
      startMs,
      lookedUpMs: null,
      endMs,
      tokens: tokens.length,
      hitTokens: sent.length * layout.tokens,
      bytes,
      error: failure?.status === 'failed' ? failure.error.code : null,
    });
    if (failure?.status === 'failed') run.fail(failure.error);
  }
}
