import { describe, expect, test } from 'vitest';
import { TlsPeer, TlsTrust } from './tls.ts';

function explained(code: string, message: string) {
  const error = Object.assign(new Error(message), { code });
  return new TlsPeer(new TlsTrust(undefined), 'store.test').explain(error);
}

describe('what TLS had no part in', () => {
  // What node:http2 and node:net say of a socket whose peer has ended it, without a system call.
  test.each([
    ['ERR_STREAM_WRITE_AFTER_END', 'write after end'],
    ['ERR_STREAM_DESTROYED', 'Cannot call write after a stream was destroyed'],
    ['ERR_SOCKET_CLOSED', 'Socket is closed'],
    ['EPIPE', 'This socket has been ended by the other party'],
  ])('%s is not explained', (code, message) => {
    expect(explained(code, message)).toBeUndefined();
  });
});
