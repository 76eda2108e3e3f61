import { WireError } from './errors.ts';
import type { WireErrorCode } from './types.ts';

/**
 * An error on its way to another thread. A structured clone would keep neither the class of a WireError nor the fields of a system error, and would
 * keep whatever else somebody has hung on it: only what is named here crosses.
 */
export interface PackedError {
  readonly name: string;
  readonly message: string;
  /** Of a WireError; `undefined` for any other. */
  readonly wire: { readonly code: WireErrorCode; readonly facts: PackedFacts } | undefined;
  /** Of an error that is not one of this package's: those are told apart by code and message. */
  readonly stack: string | undefined;
  /** What Node says of a system error, name and value. */
  readonly system: Readonly<Record<string, string | number>>;
  readonly cause: PackedError | undefined;
}

interface PackedFacts {
  readonly requiredBytes: number | undefined;
  readonly status: number | undefined;
  readonly remoteAddress: string | undefined;
}

/** Takes down what is thrown. */
export function packError(thrown: unknown): PackedError {
  return pack(thrown, 0);
}

/** Makes the error again. */
export function unpackError(packed: PackedError): Error {
  const { cause, message, name, stack, system, wire } = packed;
  const unpackedCause = cause === undefined ? undefined : unpackError(cause);
  if (wire !== undefined) return new WireError(wire.code, message, { ...wire.facts, cause: unpackedCause });
  const error = new Error(message, unpackedCause === undefined ? undefined : { cause: unpackedCause });
  if (stack !== undefined) error.stack = stack;
  return Object.assign(error, { name }, system);
}

/** Causes of causes at most, so that a ring of them ends. */
const maxDepth = 4;
const systemFields = ['code', 'syscall', 'errno', 'address', 'port'] as const;

function pack(thrown: unknown, depth: number): PackedError {
  if (!(thrown instanceof Error)) {
    return { name: 'Error', message: String(thrown), wire: undefined, stack: undefined, system: {}, cause: undefined };
  }
  const { name, message } = thrown;
  const cause = thrown.cause === undefined || depth === maxDepth ? undefined : pack(thrown.cause, depth + 1);
  if (WireError.is(thrown)) {
    const { code, requiredBytes, status, remoteAddress } = thrown;
    const wire = { code, facts: { requiredBytes, status, remoteAddress } };
    return { name, message, wire, stack: undefined, system: {}, cause };
  }
  const system: Record<string, string | number> = {};
  for (const field of systemFields) {
    const value = (thrown as NodeJS.ErrnoException & Partial<Record<typeof field, unknown>>)[field];
    if (typeof value === 'string' || typeof value === 'number') system[field] = value;
  }
  return { name, message, wire: undefined, stack: thrown.stack, system, cause };
}
