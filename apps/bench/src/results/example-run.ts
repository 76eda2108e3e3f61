import type { ErrorCode } from '@kvferry/core';
import { Random } from '../shared/random.ts';
import type {
  PeerRecord,
  PeerTurn,
  PhaseEnd,
  PhaseRecord,
  ProcessFacts,
  PromptRow,
  RequestRow,
  RunHead,
  RunRecord,
  Workload,
} from './records.ts';

/**
 * Records of a run that never took place, for tests and for looking at a report: all phases of a whole run on the embedded simulator, as a store would give
 * them that answers after 8 ms and sends 4.5 GB/s at most. The same at each call.
 */
export function exampleRecords(): RunRecord[] {
  const script = new Script(20_260_729);
  return [
    head(),
    ...script.store(),
    ...script.hit(0, 'cold'),
    ...script.hit(0.5, 'cold'),
    ...script.hit(0.95, 'cold'),
    ...script.hit(0.95, 'warm'),
    ...CONCURRENCIES.flatMap((concurrency) => script.sweep(concurrency)),
    ...script.openLoop(),
    script.emptyPhase('peers', { type: 'peers', concurrency: 8 }, 12_000),
    ...peers(),
    {
      kind: 'conformance',
      level: 'full',
      passed: 141,
      failed: 1,
      skipped: 3,
      seconds: 6.4,
      failures: [
        {
          id: 'list.modified',
          title: 'list tells when a value was stored',
          reason: 'expected a time not later than now, got one 2 s in the future',
        },
      ],
    },
    { kind: 'end', endMs: script.nowMs + 8000, status: 'complete', error: null, skipped: [], removed: true },
  ];
}

/** The same, but the store goes away while chunks are read 16 at a time: no later phase, no peers, no conformance, and it cannot be tidied up. */
export function failedRecords(): RunRecord[] {
  const script = new Script(20_260_730);
  return [
    head(),
    ...script.store(),
    ...script.hit(0.95, 'cold'),
    ...[1, 2, 4, 8].flatMap((concurrency) => script.sweep(concurrency)),
    ...script.failingSweep(16),
    {
      kind: 'end',
      endMs: script.nowMs + 3000,
      status: 'failed',
      error: null,
      skipped: [],
      removed: false,
    },
  ];
}

const CONCURRENCIES = [1, 2, 4, 8, 16, 32] as const;
const CHUNK_TOKENS = 256;
const BYTES_PER_TOKEN = 131_072;
const CHUNK_BYTES = CHUNK_TOKENS * BYTES_PER_TOKEN;
const PROMPT_CHUNKS = 16;
const PROMPT_TOKENS = PROMPT_CHUNKS * CHUNK_TOKENS;
const FIRST_BYTE_MS = 8;
const BYTES_PER_MS = 4_500_000;
const ONE_STREAM_BYTES_PER_MS = 1_400_000;
const WARM_UP_MS = 400;

function head(): RunHead {
  return {
    kind: 'run',
    version: 1,
    startedAt: '2026-07-29T09:30:00.000Z',
    backend: 's3',
    target: 'embedded',
    store: 'the S3 simulator of kvferry, a process on this machine',
    sharesMachine: true,
    identity: 'access key kvferry-bench, made for this run',
    place: 'bucket kvferry-bench-0a1b2c3d4e5f, under kvferry-bench-0a1b2c3d4e5f/',
    model: {
      name: 'llama-3.1-8b',
      source: 'meta-llama/Llama-3.1-8B',
      dtype: 'bfloat16',
      bytesPerToken: BYTES_PER_TOKEN,
      chunkTokens: CHUNK_TOKENS,
      chunkBytes: CHUNK_BYTES,
    },
    bounds: { seconds: 110, bytes: 200 * 1024 ** 3, objects: 80, requests: 12_000, dollars: null },
    client: { maxRequestsInFlight: 64, ioThreads: null, addressing: 'path', scheme: 'http' },
    machine: {
      date: '2026-07-29T09:30:00.000Z',
      node: 'v24.21.0',
      platform: 'linux 6.8.0 x64',
      processor: 'Example processor',
      cores: 4,
      loadBefore: [0.1, 0.2, 0.2],
    },
    notes: ['opendal did not install here: it was left out of the comparison.'],
  };
}

/** Plays one phase after another, each from where the last one ended. */
class Script {
  nowMs = 600;
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  store(): RunRecord[] {
    const prompts = 4;
    const rows: RunRecord[] = [];
    const startMs = this.nowMs;
    for (let prompt = 0; prompt < prompts; prompt += 1) {
      rows.push(...this.#prompt('store', 'put', this.nowMs, PROMPT_CHUNKS, PROMPT_CHUNKS));
    }
    rows.push(this.#phase('store', { type: 'store', prompts }, startMs, startMs, 'done', 0.5));
    return rows;
  }

  hit(share: number, temperature: 'cold' | 'warm'): RunRecord[] {
    const id = `hit-${share * 100}-${temperature}`;
    const startMs = this.nowMs;
    const hits = Math.floor(share * PROMPT_CHUNKS);
    const rows: RunRecord[] = [];
    const prompts = share === 0 ? 40 : 12;
    for (let prompt = 0; prompt < prompts; prompt += 1) {
      rows.push(
        ...(temperature === 'cold'
          ? this.#prompt(id, 'get', this.nowMs, PROMPT_CHUNKS, hits)
          : this.#warmPrompt(id, hits)),
      );
    }
    const workload: Workload = { type: 'hit', share, temperature, promptTokens: PROMPT_TOKENS };
    rows.push(this.#phase(id, workload, startMs, startMs, 'steady', hits === 0 ? 0.05 : 0.3));
    return rows;
  }

  sweep(concurrency: number): RunRecord[] {
    const id = `sweep-${concurrency}`;
    const startMs = this.nowMs;
    const rows = this.#closedLoop(id, concurrency, startMs, startMs + 4000);
    // One attempt of the widest step broke off, and was repeated.
    const broken = concurrency === 32 ? rows[100] : undefined;
    if (broken !== undefined) {
      const endMs = broken.startMs + 5;
      rows.splice(
        100,
        1,
        { ...broken, endMs, firstByteMs: null, bytes: 0, status: 'failed', error: 'CONNECTION' },
        { ...broken, attempt: 2, startMs: endMs, firstByteMs: Math.max(endMs, broken.firstByteMs ?? endMs) },
      );
    }
    this.nowMs = Math.max(...rows.map((row) => row.endMs));
    const busy = Math.min(0.72, 0.2 + 0.12 * concurrency);
    const phase = this.#phase(
      id,
      { type: 'sweep', concurrency },
      startMs,
      startMs + WARM_UP_MS,
      concurrency === 32 ? 'time' : 'steady',
      busy,
    );
    return [...rows, phase];
  }

  failingSweep(concurrency: number): RunRecord[] {
    const id = `sweep-${concurrency}`;
    const startMs = this.nowMs;
    const goneMs = startMs + 1500;
    const rows = this.#closedLoop(id, concurrency, startMs, goneMs).map(
      (row): RequestRow =>
        row.endMs < goneMs ? row : { ...row, endMs: goneMs, bytes: 0, status: 'failed', error: 'CONNECTION' },
    );
    const refused: RequestRow[] = [2, 3, 4].map((attempt) => ({
      kind: 'request',
      phase: id,
      operation: 'get',
      attempt,
      startMs: goneMs + attempt * 100,
      firstByteMs: null,
      endMs: goneMs + attempt * 100 + 1,
      bytes: 0,
      status: 'failed',
      error: 'CONNECTION',
    }));
    this.nowMs = goneMs + 500;
    const phase = this.#phase(id, { type: 'sweep', concurrency }, startMs, startMs + WARM_UP_MS, 'failed', 0.7, {
      code: 'CONNECTION',
      message: 'connect ECONNREFUSED 127.0.0.1:9000',
    });
    return [...rows, ...refused, phase];
  }

  /** Prompts of an engine that has more than one user: some wait for the ones before. */
  openLoop(): RunRecord[] {
    const id = 'open-loop';
    const startMs = this.nowMs;
    const promptsPerSecond = 2.5;
    const rows: RunRecord[] = [];
    let dueMs = startMs;
    for (let prompt = 0; prompt < 20; prompt += 1) {
      dueMs += (-Math.log(1 - this.#random.fraction()) * 1000) / promptsPerSecond;
      this.nowMs = Math.max(this.nowMs, dueMs);
      rows.push(...this.#prompt(id, 'get', dueMs, PROMPT_CHUNKS, PROMPT_CHUNKS - 1));
    }
    const workload: Workload = { type: 'open-loop', promptsPerSecond, share: 0.95, promptTokens: PROMPT_TOKENS };
    rows.push(this.#phase(id, workload, startMs, startMs, 'done', 0.4));
    return rows;
  }

  emptyPhase(id: string, workload: Workload, milliseconds: number): RunRecord {
    const startMs = this.nowMs;
    this.nowMs += milliseconds;
    return {
      kind: 'phase',
      id,
      workload,
      startMs,
      warmUntilMs: startMs,
      endMs: this.nowMs,
      endedBy: 'done',
      error: null,
      process: null,
    };
  }

  /** Every slot begins its next request as soon as one is there, until `untilMs`. */
  #closedLoop(id: string, concurrency: number, fromMs: number, untilMs: number): RequestRow[] {
    const rows: RequestRow[] = [];
    const bytesPerMs = Math.min(ONE_STREAM_BYTES_PER_MS, BYTES_PER_MS / concurrency);
    for (let slot = 0; slot < concurrency; slot += 1) {
      for (let atMs = fromMs; atMs < untilMs; ) {
        const row = this.#request(id, 'get', atMs, bytesPerMs);
        rows.push(row);
        atMs = row.endMs;
      }
    }
    return rows.sort((a, b) => a.endMs - b.endMs);
  }

  /** Looks up (three probes, as a search over 16 chunks needs), then moves all chunks of the prompt side by side. */
  #prompt(id: string, operation: 'get' | 'put', dueMs: number, chunks: number, moved: number): RunRecord[] {
    const startMs = this.nowMs;
    const rows: RequestRow[] = [];
    let lookedUpMs: number | null = null;
    if (operation === 'get') {
      const probes = [0, 1, 2].map((probe) => this.#stat(id, startMs, probe < 2 && moved > 0));
      rows.push(...probes);
      lookedUpMs = Math.max(...probes.map((probe) => probe.endMs));
    }
    const movedFromMs = lookedUpMs ?? startMs;
    for (let chunk = 0; chunk < moved; chunk += 1) {
      rows.push(this.#request(id, operation, movedFromMs, BYTES_PER_MS / moved));
    }
    this.nowMs = Math.max(startMs, ...rows.map((row) => row.endMs)) + 1;
    const prompt: PromptRow = {
      kind: 'prompt',
      phase: id,
      dueMs,
      startMs,
      lookedUpMs,
      endMs: this.nowMs,
      tokens: chunks * CHUNK_TOKENS,
      hitTokens: moved * CHUNK_TOKENS,
      bytes: moved * CHUNK_BYTES,
      error: null,
    };
    return [...rows, prompt];
  }

  /** What lies in memory needs no request. */
  #warmPrompt(id: string, hits: number): RunRecord[] {
    const startMs = this.nowMs;
    this.nowMs += 2 + this.#random.fraction() * 2;
    return [
      {
        kind: 'prompt',
        phase: id,
        dueMs: startMs,
        startMs,
        lookedUpMs: startMs + 0.4,
        endMs: this.nowMs,
        tokens: PROMPT_TOKENS,
        hitTokens: hits * CHUNK_TOKENS,
        bytes: hits * CHUNK_BYTES,
        error: null,
      },
    ];
  }

  #request(id: string, operation: 'get' | 'put', startMs: number, bytesPerMs: number): RequestRow {
    const firstByteMs = startMs + FIRST_BYTE_MS * this.#jitter();
    const endMs = firstByteMs + (CHUNK_BYTES / bytesPerMs) * this.#jitter();
    return {
      kind: 'request',
      phase: id,
      operation,
      attempt: 1,
      startMs,
      firstByteMs: operation === 'put' ? endMs : firstByteMs,
      endMs,
      bytes: CHUNK_BYTES,
      status: 'ok',
      error: null,
    };
  }

  #stat(id: string, startMs: number, isThere: boolean): RequestRow {
    const endMs = startMs + 3 * this.#jitter();
    return {
      kind: 'request',
      phase: id,
      operation: 'stat',
      attempt: 1,
      startMs,
      firstByteMs: endMs,
      endMs,
      bytes: 0,
      status: isThere ? 'ok' : 'miss',
      error: null,
    };
  }

  #phase(
    id: string,
    workload: Workload,
    startMs: number,
    warmUntilMs: number,
    endedBy: PhaseEnd,
    busy: number,
    error: { code: ErrorCode; message: string } | null = null,
  ): PhaseRecord {
    const endMs = this.nowMs;
    const seconds = Math.max(0, endMs - warmUntilMs) / 1000;
    const process: ProcessFacts = {
      cpuSeconds: seconds * busy * 0.8,
      eventLoopUtilization: busy,
      eventLoopDelayMs: { p50: 0.1, p99: 1 + 4 * busy, max: 3 + 20 * busy },
      peakMemoryBytes: (300 + startMs / 200) * 1024 ** 2,
      machineBusy: busy,
    };
    return { kind: 'phase', id, workload, startMs, warmUntilMs, endMs, endedBy, error, process };
  }

  /** About 1, at times more: latencies have a long tail. */
  #jitter(): number {
    const wide = this.#random.fraction() > 0.97 ? 0.8 * this.#random.fraction() : 0;
    return 0.9 + 0.2 * this.#random.fraction() + wide;
  }
}

function peers(): PeerRecord[] {
  return [
    measured('kvferry', null, 0.16),
    measured('@aws-sdk/client-s3', '3.1175.0', 1.42),
    measured('undici', '8.13.1', 0.71),
    measured('node:http', null, 0.83),
    measured('aws-crt', '1.33.2', 0.78),
    {
      kind: 'peer',
      client: 'opendal',
      version: null,
      status: 'left-out',
      reason: 'it does not install here (no binary for linux-x64-gnu)',
      turns: [],
    },
  ];
}

/** Three turns of a second, of which the second fell on a busier machine, for all alike. */
function measured(client: string, version: string | null, cpuSecondsPerGiB: number): PeerRecord {
  const turns = [1, 1.15, 1.02].map((disturbance): PeerTurn => {
    const requests = Math.max(4, Math.round(56 / (1 + cpuSecondsPerGiB) / disturbance));
    const bytes = requests * CHUNK_BYTES;
    return { seconds: 1.01, cpuSeconds: cpuSecondsPerGiB * disturbance * (bytes / 1024 ** 3), bytes, requests };
  });
  return { kind: 'peer', client, version, status: 'measured', reason: null, turns };
}
