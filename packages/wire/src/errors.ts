import type { WireErrorCode, WireErrorFacts } from './types.ts';

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
