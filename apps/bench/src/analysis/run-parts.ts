import type {
  ConformanceRecord,
  PeerRecord,
  PhaseRecord,
  PromptRow,
  RequestRow,
  RunEnd,
  RunHead,
  RunRecord,
} from '../results/records.ts';

/** Records of a run, sorted by kind. */
export interface RunParts {
  /** `undefined` in an empty file. */
  readonly head: RunHead | undefined;
  /** Those that have ended, in order. */
  readonly phases: readonly PhaseRecord[];
  readonly requests: readonly RequestRow[];
  readonly requestsOf: ReadonlyMap<string, readonly RequestRow[]>;
  readonly promptsOf: ReadonlyMap<string, readonly PromptRow[]>;
  readonly peers: readonly PeerRecord[];
  /** `undefined` where the suite was not run, or did not end. */
  readonly conformance: ConformanceRecord | undefined;
  /** `undefined` of a run that was cut off. */
  readonly end: RunEnd | undefined;
  /** The latest moment that a record tells of. */
  readonly lastMs: number;
}

export function partsOf(records: readonly RunRecord[]): RunParts {
  let head: RunHead | undefined;
  let conformance: ConformanceRecord | undefined;
  let end: RunEnd | undefined;
  let lastMs = 0;
  const phases: PhaseRecord[] = [];
  const peers: PeerRecord[] = [];
  const requests: RequestRow[] = [];
  const requestsOf = new Map<string, RequestRow[]>();
  const promptsOf = new Map<string, PromptRow[]>();
  for (const record of records) {
    if ('endMs' in record) lastMs = Math.max(lastMs, record.endMs);
    if (record.kind === 'request') {
      requests.push(record);
      add(requestsOf, record.phase, record);
    } else if (record.kind === 'prompt') add(promptsOf, record.phase, record);
    else if (record.kind === 'phase') phases.push(record);
    else if (record.kind === 'peer') peers.push(record);
    else if (record.kind === 'run') head = record;
    else if (record.kind === 'conformance') conformance = record;
    else if (record.kind === 'end') end = record;
  }
  return { head, phases, requests, requestsOf, promptsOf, peers, conformance, end, lastMs };
}

function add<Row>(rows: Map<string, Row[]>, phase: string, row: Row): void {
  const before = rows.get(phase);
  if (before === undefined) rows.set(phase, [row]);
  else before.push(row);
}
