/**
 * What went wrong, one code per reaction that a caller can have. `docs/errors.md` has a heading for each: what happened, what to do.
 */
export type ErrorCode =
  | 'ABORTED'
  | 'TIMEOUT'
  | 'NOT_OPEN'
  | 'INVALID_ARGUMENT'
  | 'CONFIG_INVALID'
  | 'UNSUPPORTED'
  | 'UNAUTHENTICATED'
  | 'PERMISSION_DENIED'
  | 'NAMESPACE_NOT_FOUND'
  | 'BUFFER_TOO_SMALL'
  | 'TOO_LARGE'
  | 'CORRUPT'
  | 'CONNECTION'
  | 'THROTTLED'
  | 'UNAVAILABLE'
  | 'UNKNOWN';

/** The operations of a backend, as errors and telemetry name them. */
export type Operation = 'open' | 'stat' | 'get' | 'put' | 'delete' | 'list' | 'close';

/** `never`: fails again as it is. `later`: may succeed when repeated. `exhausted`: was repeated already; repeating it again only multiplies load. */
export type Retry = 'never' | 'later' | 'exhausted';

/** Facts that an error carries as fields, so that no caller has to read its message. */
export interface ErrorFacts {
  /** Default: what the code implies (see `defaultRetry`). */
  readonly retry?: Retry | undefined;
  /** The backend, as `scheme://namespace`. */
  readonly backend?: string | undefined;
  readonly operation?: Operation | undefined;
  readonly key?: string | undefined;
  /** HTTP status of the answer, where there was one. */
  readonly httpStatus?: number | undefined;
  /** The store's own name for the request, to quote to its operator. */
  readonly requestId?: string | undefined;
  /** How long the store asked to be left alone, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /** BUFFER_TOO_SMALL: the bytes that the value needs. */
  readonly requiredBytes?: number | undefined;
  readonly cause?: unknown;
}

const brand: unique symbol = Symbol.for('kvferry.error') as never;

const retriedLater: ReadonlySet<ErrorCode> = new Set([
  'TIMEOUT',
  'CORRUPT',
  'CONNECTION',
  'THROTTLED',
  'UNAVAILABLE',
  'UNKNOWN',
]);

/**
 * The one error class of kvferry.
 *
 * `message` names operation and key in front of `reason`; neither ever holds a secret.
 */
export class KvferryError extends Error {
  override readonly name = 'KvferryError';
  readonly code: ErrorCode;
  /** What happened and the way out, without the operation and the key that `message` puts in front. */
  readonly reason: string;
  readonly retry: Retry;
  readonly backend: string | undefined;
  readonly operation: Operation | undefined;
  readonly key: string | undefined;
  readonly httpStatus: number | undefined;
  readonly requestId: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly requiredBytes: number | undefined;

  constructor(code: ErrorCode, reason: string, facts: ErrorFacts = {}) {
    super(
      messageOf(code, reason, facts.operation, facts.key),
      facts.cause === undefined ? undefined : { cause: facts.cause },
    );
    this.code = code;
    this.reason = reason;
    this.retry = facts.retry ?? defaultRetry(code);
    this.backend = facts.backend;
    this.operation = facts.operation;
    this.key = facts.key;
    this.httpStatus = facts.httpStatus;
    this.requestId = facts.requestId;
    this.retryAfterMs = facts.retryAfterMs;
    this.requiredBytes = facts.requiredBytes;
    Object.defineProperty(this, brand, { value: true });
  }

  /** True for a KvferryError of any copy of this package, so that two installed versions recognise each other's errors. */
  static is(error: unknown): error is KvferryError {
    return typeof error === 'object' && error !== null && (error as { [brand]?: unknown })[brand] === true;
  }

  /**
   * Makes a KvferryError of anything thrown: one of ours keeps its code and gains the facts that it lacks, anything else
   * becomes UNKNOWN with the original as `cause`.
   */
  static from(thrown: unknown, facts: ErrorFacts = {}): KvferryError {
    if (!KvferryError.is(thrown)) {
      const reason = thrown instanceof Error ? thrown.message : String(thrown);
      return new KvferryError('UNKNOWN', reason, { ...facts, cause: thrown });
    }
    const lacksNothing =
      (thrown.backend !== undefined || facts.backend === undefined) &&
      (thrown.operation !== undefined || facts.operation === undefined) &&
      (thrown.key !== undefined || facts.key === undefined);
    if (lacksNothing && facts.retry === undefined) return thrown;
    const complete = new KvferryError(thrown.code, thrown.reason, {
      retry: facts.retry ?? thrown.retry,
      backend: thrown.backend ?? facts.backend,
      operation: thrown.operation ?? facts.operation,
      key: thrown.key ?? facts.key,
      httpStatus: thrown.httpStatus,
      requestId: thrown.requestId,
      retryAfterMs: thrown.retryAfterMs,
      requiredBytes: thrown.requiredBytes,
      cause: thrown.cause,
    });
    // The place of the first throw is the one that helps.
    if (thrown.stack !== undefined) {
      const frames = thrown.stack.indexOf('\n    at ');
      if (frames !== -1) complete.stack = `${complete.name}: ${complete.message}${thrown.stack.slice(frames)}`;
    }
    return complete;
  }
}

/** What `retry` says where nobody set it: losses on the way and overload may pass, everything else fails again as it is. */
export function defaultRetry(code: ErrorCode): Retry {
  return retriedLater.has(code) ? 'later' : 'never';
}

function messageOf(code: ErrorCode, reason: string, operation: Operation | undefined, key: string | undefined): string {
  const subject = [operation, key === undefined ? undefined : JSON.stringify(key)].filter((part) => part !== undefined);
  return subject.length === 0 ? `${code}: ${reason}` : `${code} in ${subject.join(' ')}: ${reason}`;
}
