import type { WireErrorCode, WireErrorFacts, WireTimeouts } from './types.ts';

const brand: unique symbol = Symbol.for('kvferry.wire-error') as never;

/** What a request of this package fails with. */
export class WireError extends Error {
  override readonly name = 'WireError';
  readonly code: WireErrorCode;
  readonly requiredBytes: number | undefined;
  readonly status: number | undefined;
  readonly remoteAddress: string | undefined;

  constructor(code: WireErrorCode, message: string, facts: WireErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = code;
    this.requiredBytes = facts.requiredBytes;
    this.status = facts.status;
    this.remoteAddress = facts.remoteAddress;
    Object.defineProperty(this, brand, { value: true });
  }

  /** True for a WireError of any copy of this package. */
  static is(error: unknown): error is WireError {
    return typeof error === 'object' && error !== null && (error as { [brand]?: unknown })[brand] === true;
  }
}

/** What a request of a closed client fails with. */
export function closedError(): WireError {
  return new WireError('CLOSED', 'the client is closed: make a new one');
}

/** What a request can wait for too long: a connection, the next of its body to go out, the first byte of its response, the next one. */
export type TimedWait = 'connection' | 'upload' | 'first byte' | 'response';

/** What a request fails with that has run into a time limit. */
export function timeoutError(
  awaited: TimedWait,
  { connectMs, firstByteMs, stallMs }: WireTimeouts,
  facts: WireErrorFacts & { readonly remoteAddress: string },
): WireError {
  const peer = facts.remoteAddress;
  switch (awaited) {
    case 'connection':
      return new WireError('CONNECT_TIMEOUT', `no connection to ${peer} within ${connectMs} ms`, facts);
    case 'first byte':
      return new WireError('FIRST_BYTE_TIMEOUT', `${peer} answered nothing within ${firstByteMs} ms`, facts);
    case 'upload':
      return new WireError('STALL_TIMEOUT', `${peer} took nothing more of the request's body for ${stallMs} ms`, facts);
    case 'response':
      return new WireError('STALL_TIMEOUT', `${peer} sent nothing more of its response for ${stallMs} ms`, facts);
  }
}

/** What a request fails with whose body does not fit into the memory lent. `requiredBytes`: where the response says it. */
export function bodyTooLargeError(
  lentBytes: number,
  requiredBytes: number | undefined,
  status: number | undefined,
): WireError {
  const length = requiredBytes === undefined ? 'longer than' : `${requiredBytes} bytes, more than`;
  const reason = `the body is ${length} the ${lentBytes} bytes lent for it`;
  return new WireError('BODY_TOO_LARGE', reason, { requiredBytes, status });
}
