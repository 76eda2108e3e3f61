import type { SessionOptions } from './types.ts';

/** Throws unless the answer is 200 and carried what it should. */
export function expectAnswer(
  { operation, objectBytes }: SessionOptions,
  status: number | undefined,
  bodyBytes: number,
): void {
  const expected = operation === 'GET' ? objectBytes : 0;
  if (status !== 200 || bodyBytes !== expected) {
    throw new Error(`${operation}: status ${status}, ${bodyBytes} of ${expected} body bytes`);
  }
}
