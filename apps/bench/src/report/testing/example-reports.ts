import { summarize } from '../../analysis/summarize.ts';
import { DEFAULT_HARDWARE } from '../../planner/hardware.ts';
import { exampleRecords, failedRecords } from '../../results/example-run.ts';
import type { RunRecord } from '../../results/records.ts';
import type { RecordedRun } from '../run-data.ts';

export function recorded(name: string, records: readonly RunRecord[]): RecordedRun {
  return { name, records, summary: summarize(records, { hardware: DEFAULT_HARDWARE }) };
}

export function exampleRun(): RecordedRun {
  return recorded('results/example', exampleRecords());
}

export function failedRun(): RecordedRun {
  return recorded('results/failed', failedRecords());
}

/** Like the example, but from another store that takes half as long again for each request and prompt. */
export function slowerRun(): RecordedRun {
  const records = exampleRecords().map((record): RunRecord => {
    if (record.kind === 'run') return { ...record, target: 'minio', store: 'MinIO in a container on this machine' };
    if (record.kind !== 'request' && record.kind !== 'prompt') return record;
    return { ...record, endMs: record.endMs + (record.endMs - record.startMs) / 2 };
  });
  return recorded('results/slower', records);
}
