import { type EngineMetadata, loadConfig } from 'kvferry';
import type { PhaseRecord, PromptRow, RequestRow } from '../../results/records.ts';
import type { Seat } from '../../stores/types.ts';
import type { LoadEvent, LoadSetup, PhaseOrder } from '../messages.ts';
import { type PlayedPhase, playPhase } from '../play-phase.ts';
import type { Stage } from '../stage.ts';

export const CHUNK_TOKENS = 256;
export const CHUNK_BYTES = 64 * 1024;
export const RUN_FOLDER = 'kvferry-bench-0a1b2c3d4e5f';

/** An engine whose chunks of 256 tokens have 64 KiB. */
const smallEngine: EngineMetadata = {
  modelName: 'kvferry-bench/small',
  worldSize: 1,
  workerId: 0,
  kvDtype: 'bfloat16',
  kvShape: { layers: 4, kvHeads: 1, headSize: 16, mla: false },
  pythonHashSeed: '0',
  vllm: false,
};

/** A run of 24 chunks in prompts of 4, unless `changes` say otherwise. */
export async function smallSetup(
  remoteUrl: string,
  changes: Partial<Omit<LoadSetup, 'seat'>> & {
    readonly overrides?: Seat['overrides'];
    readonly env?: Readonly<Record<string, string>>;
  } = {},
): Promise<LoadSetup> {
  const { env, overrides = {}, ...rest } = changes;
  const loaded = await loadConfig({
    env: {
      LMCACHE_REMOTE_URL: remoteUrl,
      LMCACHE_EXTRA_CONFIG: JSON.stringify({ s3_region: 'us-east-1' }),
      LMCACHE_MAX_LOCAL_CPU_SIZE: '0.01',
      ...env,
    },
  });
  return {
    seat: { loaded, backends: [], overrides },
    runFolder: RUN_FOLDER,
    engine: smallEngine,
    chunks: 24,
    promptChunks: 4,
    epochMs: performance.timeOrigin,
    ...rest,
  };
}

/** A phase that has no end but its own, within a few seconds. */
export function orderOf(workload: PhaseOrder['workload'], limits: Partial<PhaseOrder> = {}): PhaseOrder {
  const most = { maxMs: 10_000, warmUpMs: 0, maxBytes: 2 ** 40, maxPrompts: 1000 };
  return { id: workload.type, workload, ...most, ...limits };
}

export interface Outcome {
  readonly record: PhaseRecord;
  readonly requests: readonly RequestRow[];
  readonly prompts: readonly PromptRow[];
}

export interface PlayingHere {
  readonly phase: PlayedPhase;
  readonly outcome: Promise<Outcome>;
}

/** Plays a phase in this process. */
export function playHere(stage: Stage, order: PhaseOrder): PlayingHere {
  const rows: (RequestRow | PromptRow)[] = [];
  const phase = playPhase(stage, order, performance.timeOrigin, (event: LoadEvent) => {
    if (event.event === 'rows') rows.push(...event.rows);
  });
  return { phase, outcome: phase.record.then((record) => outcomeOf(record, rows)) };
}

export function outcomeOf(record: PhaseRecord, rows: readonly (RequestRow | PromptRow)[]): Outcome {
  return {
    record,
    requests: rows.filter((row) => row.kind === 'request'),
    prompts: rows.filter((row) => row.kind === 'prompt'),
  };
}
