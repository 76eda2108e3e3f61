import { KvferryError, type Operation } from '@kvferry/core';
import { endpointUrl } from './endpoint.ts';
import {
  type ErrorContext,
  type StoreAnswer,
  tlsHint,
  tlsReason,
  unreachedReason,
  unresolvedReason,
  withoutSecrets,
} from './errors.ts';

/** What the SDK's errors carry, as far as anybody here reads it. */
interface SdkError {
  readonly name?: unknown;
  readonly message?: unknown;
  readonly code?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string } | undefined;
  readonly $response?:
    | { readonly statusCode?: number; readonly headers?: Readonly<Record<string, string>> }
    | undefined;
  readonly Code?: unknown;
  readonly Region?: unknown;
  readonly Endpoint?: unknown;
  readonly BucketName?: unknown;
  readonly ServerTime?: unknown;
}

/** What the SDK calls an answer that it cannot read. */
const UNREADABLE: ReadonlySet<string> = new Set(['Unknown', 'UnknownError', 'Error', 'SyntaxError']);

/** Node's names for a host name without an address, and for an address to which no connection comes about. */
const UNRESOLVED: ReadonlySet<string> = new Set(['ENOTFOUND', 'EAI_AGAIN']);
const UNREACHED: ReadonlySet<string> = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'EHOSTDOWN', 'ENETUNREACH']);
/** And for a connection that broke, or gave no answer. */
const BROKEN: ReadonlySet<string> = new Set([
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ENETDOWN',
  'ENETRESET',
]);

/** Node's name for what went wrong on the network; `undefined` for an error of a file, of TLS or of an answer. */
export function networkCodeOf(thrown: unknown): string | undefined {
  const { code } = thrown as SdkError;
  if (typeof code !== 'string') return undefined;
  return UNRESOLVED.has(code) || UNREACHED.has(code) || BROKEN.has(code) ? code : undefined;
}

/** The store's answer that an error of the SDK stands for; `undefined` where none came. */
export function answerOfSdk(thrown: unknown, operation: Operation): StoreAnswer | undefined {
  const error = thrown as SdkError;
  const status = error.$metadata?.httpStatusCode ?? error.$response?.statusCode;
  if (status === undefined) return undefined;
  const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
  return {
    operation,
    status,
    document: {
      // An answer that could not be read at all is named after the failure to read it.
      code: text(error.Code) ?? (UNREADABLE.has(String(error.name)) ? undefined : text(error.name)),
      message: text(error.message),
      requestId: error.$metadata?.requestId,
      region: text(error.Region),
      endpoint: text(error.Endpoint),
      bucketName: text(error.BucketName),
      serverTime: text(error.ServerTime),
    },
    headers: new Map(Object.entries(error.$response?.headers ?? {})),
  };
}

/** Makes a KvferryError of a request of the SDK that got no answer. */
export function connectionErrorOfSdk(thrown: unknown, { endpoint }: ErrorContext): KvferryError {
  if (KvferryError.is(thrown)) return thrown;
  const { name, message, code } = thrown as SdkError;
  const problem = withoutSecrets(String(message));
  const at = endpointUrl(endpoint);
  if (name === 'AbortError') return new KvferryError('ABORTED', 'the call was aborted', { cause: thrown });
  // The SDK calls a connection that was reset a time-out too.
  if (name === 'TimeoutError' && code !== 'ECONNRESET' && code !== 'EPIPE') {
    return new KvferryError('TIMEOUT', `${at}: ${problem}`, { cause: thrown });
  }
  if (typeof code !== 'string') return new KvferryError('UNKNOWN', problem, { cause: thrown });
  if (code === 'EPROTO' || code.startsWith('ERR_TLS') || code.startsWith('ERR_SSL') || isCertificateCode(code)) {
    return new KvferryError('CONNECTION', tlsReason(`${problem}, ${code}`, at), { retry: 'never', cause: thrown });
  }
  if (UNRESOLVED.has(code)) {
    const { hostname } = thrown as { readonly hostname?: string };
    const reason = unresolvedReason(
      `the host name ${hostname ?? endpoint.host} does not resolve: ${problem}`,
      endpoint,
    );
    return new KvferryError('CONNECTION', reason, { cause: thrown });
  }
  if (UNREACHED.has(code)) return new KvferryError('CONNECTION', unreachedReason(problem, at), { cause: thrown });
  const hint = code === 'ECONNRESET' ? tlsHint(endpoint) : '';
  return new KvferryError('CONNECTION', `${at}: ${problem}${hint}`, { cause: thrown });
}

/** OpenSSL's names for what can be wrong with a certificate, as Node has them. */
function isCertificateCode(code: string): boolean {
  return /CERT|SELF_SIGNED|UNABLE_TO|INVALID_CA|HOSTNAME_MISMATCH/.test(code);
}
