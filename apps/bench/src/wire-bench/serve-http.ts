import type { Socket } from 'node:net';
import type { Incoming } from './incoming.ts';
import { BUCKET, parseKey } from './objects.ts';

/** An object in memory, ready to be sent. */
export interface ServedObject {
  readonly body: Buffer;
  readonly index: number;
  /** Base64, as the header carries it. */
  readonly crc32c: string;
}

/**
 * Serves one connection. Bodies are written in slices of `sliceBytes`. Requests are taken one after another, as no client of the
 * benchmark sends the next before the answer.
 */
export function serveHttp(
  { socket, receive }: Incoming,
  sliceBytes: number,
  objects: ReadonlyMap<number, readonly ServedObject[]>,
): void {
  let pending = '';
  let upload: Upload | undefined;

  socket.on('error', () => socket.destroy());
  receive((chunk) => {
    if (upload === undefined) {
      onHead(chunk);
    } else {
      onBody(chunk);
    }
  });

  function onHead(chunk: Buffer): void {
    const before = pending.length;
    pending += chunk.toString('latin1');
    const end = pending.indexOf('\r\n\r\n');
    if (end < 0) {
      return;
    }
    const head = pending.slice(0, end + 2);
    pending = '';
    const request = parseHead(head);
    const object = request === undefined ? undefined : objects.get(request.bytes)?.[request.index];
    if (request === undefined || object === undefined) {
      socket.end(NOT_FOUND);
      return;
    }
    if (request.method !== 'PUT') {
      respond(request.method, object, CHECKSUM_MODE.test(head));
      return;
    }
    upload = {
      left: Number(CONTENT_LENGTH.exec(head)?.[1] ?? Number.NaN),
      kept: request.kind === 'checked' ? [] : undefined,
      object,
    };
    if (upload.left !== object.body.length) {
      socket.end(BAD_DIGEST);
      return;
    }
    if (EXPECT.test(head)) {
      socket.write('HTTP/1.1 100 Continue\r\n\r\n');
    }
    const bodyStart = end + 4 - before;
    if (bodyStart < chunk.length) {
      onBody(chunk.subarray(bodyStart));
    }
  }

  function onBody(chunk: Buffer): void {
    const current = upload as Upload;
    current.left -= chunk.length;
    current.kept?.push(Buffer.from(chunk));
    if (current.left > 0) {
      return;
    }
    upload = undefined;
    const right =
      current.left === 0 && (current.kept === undefined || Buffer.concat(current.kept).equals(current.object.body));
    if (right) {
      socket.write(
        `HTTP/1.1 200 OK\r\n${COMMON_HEADERS}ETag: "${etag(current.object)}"\r\nContent-Length: 0\r\n\r\n`,
        'latin1',
      );
    } else {
      socket.end(BAD_DIGEST);
    }
  }

  function respond(method: 'GET' | 'HEAD', object: ServedObject, withChecksum: boolean): void {
    const checksum = withChecksum
      ? `x-amz-checksum-crc32c: ${object.crc32c}\r\nx-amz-checksum-type: FULL_OBJECT\r\n`
      : '';
    const head = `HTTP/1.1 200 OK\r\n${COMMON_HEADERS}${OBJECT_HEADERS}ETag: "${etag(object)}"\r\n${checksum}Content-Length: ${object.body.length}\r\n\r\n`;
    if (method === 'HEAD') {
      socket.write(head, 'latin1');
    } else {
      writeBody(socket, head, object.body, sliceBytes, () => {});
    }
  }
}

/** Writes a body, slice by slice, the first in one go with its head, and says when all of it has left the process. */
export function writeBody(
  socket: Socket,
  head: string | undefined,
  body: Buffer,
  sliceBytes: number,
  done: () => void,
): void {
  let offset = 0;
  const next = (): void => {
    if (offset === body.length) {
      done();
      return;
    }
    const slice = body.subarray(offset, Math.min(offset + sliceBytes, body.length));
    offset += slice.length;
    socket.write(slice, (error) => {
      if (error === null || error === undefined) {
        next();
      }
    });
  };
  socket.cork();
  if (head !== undefined) {
    socket.write(head, 'latin1');
  }
  next();
  socket.uncork();
}

interface Upload {
  left: number;
  readonly kept: Buffer[] | undefined;
  readonly object: ServedObject;
}

// As many headers as S3 sends with an object. The date is right, since clients set their clocks by it.
const COMMON_HEADERS = `x-amz-id-2: ${'A'.repeat(74)}==\r\nx-amz-request-id: ${'0'.repeat(16)}\r\nDate: ${new Date().toUTCString()}\r\nServer: wire-bench\r\n`;
const OBJECT_HEADERS = `Last-Modified: ${new Date().toUTCString()}\r\nAccept-Ranges: bytes\r\nContent-Type: application/octet-stream\r\n`;
const NOT_FOUND = 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n';
const BAD_DIGEST = 'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n';

const REQUEST_LINE = new RegExp(`^(GET|HEAD|PUT) /${BUCKET}/([^? ]+)`);
const CHECKSUM_MODE = /\r\nx-amz-checksum-mode: *enabled\r\n/i;
const CONTENT_LENGTH = /\r\ncontent-length: *(\d+)\r\n/i;
const EXPECT = /\r\nexpect: *100-continue\r\n/i;

function parseHead(
  head: string,
): { method: 'GET' | 'HEAD' | 'PUT'; kind: string; bytes: number; index: number } | undefined {
  const line = REQUEST_LINE.exec(head);
  const key = parseKey(line?.[2] ?? '');
  return line === null || key === undefined ? undefined : { method: line[1] as 'GET' | 'HEAD' | 'PUT', ...key };
}

function etag(object: ServedObject): string {
  return (object.body.length * 1000 + object.index).toString(16).padStart(32, '0');
}
