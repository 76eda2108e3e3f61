import type {
  ConformanceRecord,
  PeerRecord,
  PeerTurn,
  PhaseRecord,
  ProcessFacts,
  PromptRow,
  RequestRow,
  RunEnd,
  RunHead,
  RunRecord,
  Workload,
} from './records.ts';

type Check = (value: unknown) => boolean;

/** Of a record, or a part of one: what each of its fields must be, but the one that says which it is. A field too few does not compile. */
type Shape<Part> = { readonly [Field in Exclude<keyof Part, 'kind' | 'type'>]-?: Check };

/** Names a field of a record that is missing, or holds something else; `undefined` where all are as they are written. Whatever else it has is passed over. */
export function wrongField(record: RunRecord): string | undefined {
  const values = record as unknown as Readonly<Record<string, unknown>>;
  const checks: Readonly<Record<string, Check>> = shapes[record.kind];
  return Object.entries(checks).find(([field, isRight]) => !isRight(values[field]))?.[0];
}

const isText: Check = (value) => typeof value === 'string';
const isNumber: Check = (value) => typeof value === 'number' && Number.isFinite(value);
const isFlag: Check = (value) => typeof value === 'boolean';

function orNull(check: Check): Check {
  return (value) => value === null || check(value);
}

function oneOf(...values: readonly unknown[]): Check {
  return (value) => values.includes(value);
}

function listOf(check: Check): Check {
  return (value) => Array.isArray(value) && value.every(check);
}

function having<Part>(shape: Shape<Part>): Check {
  return (value) =>
    typeof value === 'object' &&
    value !== null &&
    Object.entries<Check>(shape).every(([field, isRight]) => isRight((value as Record<string, unknown>)[field]));
}

const workloads: { readonly [Type in Workload['type']]: Shape<Extract<Workload, { readonly type: Type }>> } = {
  store: { prompts: isNumber },
  hit: { share: isNumber, temperature: oneOf('cold', 'warm'), promptTokens: isNumber },
  sweep: { concurrency: isNumber },
  'open-loop': { promptsPerSecond: isNumber, share: isNumber, promptTokens: isNumber },
  peers: { concurrency: isNumber },
};
const isWorkload: Check = (value) =>
  Object.entries(workloads).some(([type, shape]) => having<object>({ ...shape, type: oneOf(type) })(value));

const head: Shape<RunHead> = {
  version: isNumber,
  startedAt: isText,
  backend: isText,
  target: isText,
  store: isText,
  sharesMachine: isFlag,
  identity: isText,
  place: isText,
  model: having<RunHead['model']>({
    name: isText,
    source: isText,
    dtype: isText,
    bytesPerToken: isNumber,
    chunkTokens: isNumber,
    chunkBytes: isNumber,
  }),
  bounds: having<RunHead['bounds']>({
    seconds: isNumber,
    bytes: isNumber,
    objects: isNumber,
    requests: isNumber,
    dollars: orNull(isNumber),
  }),
  client: having<RunHead['client']>({
    maxRequestsInFlight: orNull(isNumber),
    ioThreads: orNull(isNumber),
    addressing: orNull(isText),
    scheme: orNull(isText),
  }),
  machine: having<RunHead['machine']>({
    date: isText,
    node: isText,
    platform: isText,
    processor: isText,
    cores: isNumber,
    loadBefore: listOf(isNumber),
  }),
  notes: listOf(isText),
};

const phase: Shape<PhaseRecord> = {
  id: isText,
  workload: isWorkload,
  startMs: isNumber,
  warmUntilMs: isNumber,
  endMs: isNumber,
  endedBy: oneOf('steady', 'done', 'time', 'bytes', 'left-out', 'failed', 'interrupted'),
  error: orNull(having<NonNullable<PhaseRecord['error']>>({ code: isText, message: isText })),
  process: orNull(
    having<ProcessFacts>({
      cpuSeconds: isNumber,
      eventLoopUtilization: isNumber,
      eventLoopDelayMs: having<ProcessFacts['eventLoopDelayMs']>({ p50: isNumber, p99: isNumber, max: isNumber }),
      peakMemoryBytes: isNumber,
      machineBusy: isNumber,
    }),
  ),
};

const request: Shape<RequestRow> = {
  phase: isText,
  operation: isText,
  attempt: isNumber,
  startMs: isNumber,
  firstByteMs: orNull(isNumber),
  endMs: isNumber,
  bytes: isNumber,
  status: oneOf('ok', 'miss', 'failed'),
  error: orNull(isText),
};

const prompt: Shape<PromptRow> = {
  phase: isText,
  dueMs: isNumber,
  startMs: isNumber,
  lookedUpMs: orNull(isNumber),
  endMs: isNumber,
  tokens: isNumber,
  hitTokens: isNumber,
  bytes: isNumber,
  error: orNull(isText),
};

const peer: Shape<PeerRecord> = {
  client: isText,
  version: orNull(isText),
  status: oneOf('measured', 'left-out'),
  reason: orNull(isText),
  turns: listOf(having<PeerTurn>({ seconds: isNumber, cpuSeconds: isNumber, bytes: isNumber, requests: isNumber })),
};

const conformance: Shape<ConformanceRecord> = {
  level: isText,
  passed: isNumber,
  failed: isNumber,
  skipped: isNumber,
  seconds: isNumber,
  failures: listOf(having<ConformanceRecord['failures'][number]>({ id: isText, title: isText, reason: isText })),
};

const end: Shape<RunEnd> = {
  endMs: isNumber,
  status: oneOf('complete', 'failed', 'interrupted'),
  error: orNull(isText),
  skipped: listOf(isText),
  removed: isFlag,
};

const shapes: { readonly [Kind in RunRecord['kind']]: Shape<Extract<RunRecord, { readonly kind: Kind }>> } = {
  run: head,
  phase,
  request,
  prompt,
  peer,
  conformance,
  end,
};
