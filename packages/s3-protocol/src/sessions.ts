import type { DataPlane } from './data-plane.ts';
import { EMPTY_PAYLOAD_SHA256 } from './signing/sigv4.ts';
import type { SessionRequest } from './types.ts';

/** Requests that open sessions, over a plane that signs by the credentials behind them. Those under way end when `closed` fires. */
export function sessionRequests(plane: DataPlane, closed: AbortSignal): SessionRequest {
  return ({ method, query, signedHeaders, signal }) =>
    plane.request({
      operation: 'open',
      method,
      key: '',
      query,
      signedHeaders,
      plainHeaders: [],
      // One in minutes: what is signed whole costs nothing, and needs no store that takes it otherwise.
      payloadHash: EMPTY_PAYLOAD_SHA256,
      signal: AbortSignal.any([signal, closed]),
      accept: ({ body, headers, status }) => (status === 200 ? { headers, body } : undefined),
      onMiss: undefined,
    });
}
