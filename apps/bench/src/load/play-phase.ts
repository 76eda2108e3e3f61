import type { PhaseRecord, PromptRow, RequestRow } from '../results/records.ts';
import type { LoadEvent, PhaseOrder } from './messages.ts';
import { PhaseRun } from './phase-run.ts';
import { type RowContext, requestRow } from './request-rows.ts';
import type { Stage } from './stage.ts';
import { hitPrompts } from './workloads/hit.ts';
import { promptsArrive } from './workloads/open-loop.ts';
import { storePrompts } from './workloads/store.ts';
import { sweepChunks } from './workloads/sweep.ts';

/** How often rows and progress are told. Making a message of a row costs some 3 µs of this thread. */
const TELL_MS = 500;

/** A phase that is under way. */
export interface PlayedPhase {
  /** Its last rows have been told when it resolves. Never rejects: what goes wrong is in the record. */
  readonly record: Promise<PhaseRecord>;
  /** Ends it at once. */
  interrupt(): void;
}

/** Begins a phase. `epochMs` is the zero of its times, in milliseconds since 1970. */
export function playPhase(
  stage: Stage,
  order: PhaseOrder,
  epochMs: number,
  tell: (event: LoadEvent) => void,
): PlayedPhase {
  const clockOffsetMs = performance.timeOrigin - epochMs;
  const run = new PhaseRun(order, () => performance.now() + clockOffsetMs);
  return {
    record: play(run, stage, { phase: order.id, workload: order.workload.type, clockOffsetMs }, tell),
    interrupt: () => run.interrupt(),
  };
}

async function play(
  run: PhaseRun,
  stage: Stage,
  context: RowContext,
  tell: (event: LoadEvent) => void,
): Promise<PhaseRecord> {
  let rows: (RequestRow | PromptRow)[] = [];
  const add = (row: RequestRow | PromptRow): void => {
    // What an interruption or a failure cut off says nothing of the store; what was late for the end of a phase had its time.
    if (row.kind === 'request' && row.error === 'ABORTED' && run.isCutShort) return;
    rows.push(row);
  };
  const tellRows = (): void => {
    if (rows.length === 0) return;
    tell({ event: 'rows', rows });
    rows = [];
  };
  let told = { bytes: 0, atMs: run.now() };
  const ticking = setInterval(() => {
    tellRows();
    const now = { bytes: run.movedBytes, atMs: run.now() };
    const bytesPerSecond = ((now.bytes - told.bytes) / (now.atMs - told.atMs)) * 1000;
    tell({ event: 'progress', bytes: now.bytes, bytesPerSecond });
    told = now;
  }, TELL_MS);
  const { clockOffsetMs, phase } = context;
  const stopListening = stage.listen({
    onRequest: (record) => add(requestRow(record, context)),
    onItem: ({ startMs, endMs, ...item }) =>
      add({
        ...{ kind: 'request', phase, attempt: 1, firstByteMs: null, ...item },
        ...{ startMs: startMs + clockOffsetMs, endMs: endMs + clockOffsetMs },
      }),
  });
  try {
    await work(run, stage, add);
  } catch (thrown) {
    run.fail(thrown);
  } finally {
    stopListening();
    clearInterval(ticking);
  }
  const record = run.close();
  tellRows();
  return record;
}

function work(run: PhaseRun, stage: Stage, add: (row: PromptRow) => void): Promise<void> {
  const { workload } = run.order;
  switch (workload.type) {
    case 'store':
      return storePrompts(run, stage, add);
    case 'hit':
      return hitPrompts(run, stage, workload, add);
    case 'sweep':
      return sweepChunks(run, stage, workload.concurrency);
    case 'open-loop':
      return promptsArrive(run, stage, workload, add);
  }
}
