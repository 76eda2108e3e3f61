import type { Provocation } from '../types.ts';
import type { ProxyAnswer } from './types.ts';

/** What the proxy answers for each provocation: as S3 does, with its error documents. */
export const PROVOKED_ANSWERS: Readonly<Record<Provocation, () => ProxyAnswer>> = {
  denied: () => s3Answer(403, 'AccessDenied', 'Access Denied'),
  // A second is the least that Retry-After can say.
  throttled: () => s3Answer(503, 'SlowDown', 'Please reduce your request rate.', { 'Retry-After': '1' }),
  unavailable: () => s3Answer(500, 'InternalError', 'We encountered an internal error. Please try again.'),
  missingNamespace: () => s3Answer(404, 'NoSuchBucket', 'The specified bucket does not exist'),
  errorAfterSuccess: () => ({
    ...s3Answer(500, 'InternalError', 'We encountered an internal error. Please try again.'),
    afterSuccess: true,
  }),
};

function s3Answer(
  status: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): ProxyAnswer {
  const requestId = 'KVFERRYPROXY0001';
  const body =
    '<?xml version="1.0" encoding="UTF-8"?>\n' +
    `<Error><Code>${code}</Code><Message>${message}</Message><RequestId>${requestId}</RequestId></Error>`;
  return {
    status,
    headers: {
      'Content-Type': 'application/xml',
      'x-amz-request-id': requestId,
      // Clients take the store's clock from it.
      Date: new Date().toUTCString(),
      ...headers,
    },
    body,
    afterSuccess: false,
  };
}
