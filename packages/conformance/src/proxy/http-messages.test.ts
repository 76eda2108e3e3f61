import { describe, expect, test } from 'vitest';
import { HttpMessages, type HttpPiece, requestFraming, responseFraming } from './http-messages.ts';

/** What each message of a stream is: its start line, and its body bytes with their framing. */
function messagesOf(messages: HttpMessages, text: string, cutAt: number): string[] {
  const bytes = Buffer.from(text, 'latin1');
  const pieces: HttpPiece[] = [];
  for (const part of [bytes.subarray(0, cutAt), bytes.subarray(cutAt)]) pieces.push(...messages.push(part));
  const seen: string[] = [];
  let passed = '';
  for (const piece of pieces) {
    if (piece.kind === 'end') {
      seen.push('end');
      continue;
    }
    const part = Buffer.from(piece.bytes).toString('latin1');
    passed += part;
    if (piece.kind === 'head') seen.push(piece.head.startLine, '');
    else seen.push(`${seen.pop()}${part}`);
  }
  // Whatever it makes of them, the bytes are the same.
  expect(text.startsWith(passed)).toBe(true);
  return seen;
}

const requests = [
  'PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello',
  'GET /b HTTP/1.1\r\nHost: h\r\n\r\n',
  'PUT /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;sig=x\r\nabc\r\n2\r\n\r\n\r\n0\r\nx-trailer: 1\r\n\r\n',
  'DELETE /d HTTP/1.1\r\nContent-Length: 0\r\n\r\n',
].join('');

describe('bounds of messages', () => {
  test('requests of every framing, cut at every byte', () => {
    for (let cutAt = 0; cutAt <= requests.length; cutAt += 1) {
      expect(messagesOf(new HttpMessages(requestFraming), requests, cutAt)).toEqual([
        'PUT /a HTTP/1.1',
        'hello',
        'end',
        'GET /b HTTP/1.1',
        '',
        'end',
        'PUT /c HTTP/1.1',
        '3;sig=x\r\nabc\r\n2\r\n\r\n\r\n0\r\nx-trailer: 1\r\n\r\n',
        'end',
        'DELETE /d HTTP/1.1',
        '',
        'end',
      ]);
    }
  });

  test.for([
    ['GET', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', ['HTTP/1.1 200 OK', 'ok', 'end']],
    ['HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n', ['HTTP/1.1 200 OK', '', 'end']],
    ['DELETE', 'HTTP/1.1 204 No Content\r\n\r\n', ['HTTP/1.1 204 No Content', '', 'end']],
    ['GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n', ['HTTP/1.1 304 Not Modified', '', 'end']],
    ['GET', 'HTTP/1.0 200 OK\r\n\r\nto the end', ['HTTP/1.0 200 OK', 'to the end']],
    ['PUT', 'HTTP/1.1 100 Continue\r\n\r\n', ['HTTP/1.1 100 Continue', '', 'end']],
    ['GET', 'HTTP/1.1 101 Switching\r\n\r\nraw', ['HTTP/1.1 101 Switching', 'raw']],
  ] as const)('a response to %s: %j', ([method, text, expected]) => {
    for (let cutAt = 0; cutAt <= text.length; cutAt += 1) {
      const messages = new HttpMessages((head) => responseFraming(head, method));
      expect(messagesOf(messages, text, cutAt)).toEqual(expected);
    }
  });

  test('what is not HTTP passes all the same', () => {
    const messages = new HttpMessages(requestFraming);
    const noise = Buffer.alloc(300_000, 'x');
    expect([...messages.push(noise)]).toEqual([{ kind: 'body', bytes: noise }]);
  });
});
