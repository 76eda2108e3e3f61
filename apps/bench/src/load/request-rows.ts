import type { RequestRecord } from '@kvferry/s3-protocol';
import type { RequestRow, Workload } from '../results/records.ts';

/** What turns requests into the rows of a phase. */
export interface RowContext {
  readonly phase: string;
  readonly workload: Workload['type'];
  /** From this process's clock to the run's. */
  readonly clockOffsetMs: number;
}

/** The row of a request on the wire. Bytes of an answer that is an error, or a document, are no value's. */
export function requestRow(record: RequestRecord, { phase, workload, clockOffsetMs }: RowContext): RequestRow {
  const { attempt, bytes, endMs, errorCode = null, firstByteMs, httpStatus, startMs } = record;
  const status = errorCode !== null ? 'failed' : httpStatus === 404 ? 'miss' : 'ok';
  const operation = operationOf(record, workload);
  const isOfValue = operation === 'get' || operation === 'put';
  return {
    kind: 'request',
    phase,
    operation,
    attempt,
    startMs: startMs + clockOffsetMs,
    firstByteMs: firstByteMs === 0 ? null : firstByteMs + clockOffsetMs,
    endMs: endMs + clockOffsetMs,
    bytes: errorCode === null && isOfValue && isSuccess(record) ? bytes : 0,
    status,
    error: errorCode,
  };
}

/**
 * What a request was for. Of the bucket itself nothing is asked in a phase but a session, and by other backends than that of S3 Express its listing. Where a phase
 * looks before it reads, a GET that brings no more than a byte is the second half of a HEAD's question.
 */
function operationOf(record: RequestRecord, workload: Workload['type']): RequestRow['operation'] {
  const { backend, bytes, errorCode, key, method } = record;
  switch (method) {
    case 'GET':
      if (key === '') return backend.startsWith('s3-express:') ? 'session' : 'list';
      if (workload === 'sweep' || errorCode !== undefined) return 'get';
      return isSuccess(record) && bytes > 1 ? 'get' : 'stat';
    case 'PUT':
      return 'put';
    case 'HEAD':
      return 'stat';
    case 'DELETE':
      return 'delete';
    case 'POST':
      return key === '' ? 'delete' : 'other';
    default:
      return 'other';
  }
}

function isSuccess({ httpStatus }: RequestRecord): boolean {
  return httpStatus >= 200 && httpStatus < 300;
}
