import type { PromptRow, RequestRow } from '../results/records.ts';
import type { Flow } from './window.ts';

/** Whether a request was answered: by a value, or by a miss. */
export function isAnswered(row: RequestRow): boolean {
  return row.status !== 'failed';
}

/**
 * Whether the client itself called it off: the end of the phase came first, or its answer was no longer needed. That is no fault of the store's but that it was
 * slow.
 */
export function isCalledOff({ error }: { readonly error: string | null }): boolean {
  return error === 'ABORTED';
}

/**
 * The bytes of a request, which count evenly from its first byte to its end; of a put from its start, since the first byte of its answer is its end. What failed
 * has brought nothing.
 */
export function requestFlow(row: RequestRow): Flow {
  const { bytes, endMs, firstByteMs, operation, startMs } = row;
  return {
    startMs: operation === 'put' ? startMs : (firstByteMs ?? startMs),
    endMs,
    bytes: isAnswered(row) ? bytes : 0,
  };
}

/** The bytes of a prompt, evenly from when its lookup had answered. */
export function promptFlow({ bytes, endMs, lookedUpMs, startMs }: PromptRow): Flow {
  return { startMs: lookedUpMs ?? startMs, endMs, bytes };
}

/** How long a request took, in milliseconds. */
export function requestMs({ endMs, startMs }: RequestRow): number {
  return endMs - startMs;
}

/** From asking to the first byte, of those requests that tell. */
export function firstByteMs(rows: readonly RequestRow[]): number[] {
  return rows.flatMap(({ firstByteMs: first, startMs }) => (first === null ? [] : [first - startMs]));
}

/** How many failed, by their code. What was called off did not fail. */
export function errorsOf(rows: readonly { readonly error: string | null }[]): Record<string, number> {
  // Without a prototype: a code is any text.
  const errors: Record<string, number> = Object.create(null) as Record<string, number>;
  for (const row of rows) {
    if (row.error !== null && !isCalledOff(row)) errors[row.error] = (errors[row.error] ?? 0) + 1;
  }
  return { ...errors };
}
