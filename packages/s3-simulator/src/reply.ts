/** What an operation answers, before it goes onto the wire. */

import { type Extent, readExtents } from './extents.ts';
import type { S3Failure } from './failures.ts';
import { errorDocument, type XmlElement, xmlDocument } from './xml.ts';

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: ReplyBody;
}

export interface ReplyBody {
  readonly byteLength: number;
  /** The bytes from 0 up to `end`, in slices of at most `sliceBytes`. */
  slices(end: number, sliceBytes: number): AsyncIterable<Buffer>;
  /** Lets go of what the body lies in. To be called once, when nothing reads any more. */
  release(): void;
}

const NO_BODY: ReplyBody = {
  byteLength: 0,
  async *slices() {},
  release() {},
};

function bytesBody(bytes: Buffer): ReplyBody {
  return {
    byteLength: bytes.byteLength,
    async *slices(end) {
      yield bytes.subarray(0, end);
    },
    release() {},
  };
}

/** The bytes `start` to `end` (exclusive) of stored extents, with no copy; holds them from now on. */
export function extentsBody(extents: readonly Extent[], start: number, end: number): ReplyBody {
  for (const extent of extents) extent.retain();
  return {
    byteLength: end - start,
    slices: (bodyEnd, sliceBytes) => readExtents(extents, start, start + bodyEnd, sliceBytes),
    release() {
      for (const extent of extents) extent.release();
    },
  };
}

export function emptyReply(status: number, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status, headers, body: NO_BODY };
}

export function xmlReply(root: string, content: XmlElement, headers: Readonly<Record<string, string>> = {}): Reply {
  return {
    status: 200,
    headers: { 'content-type': 'application/xml', ...headers },
    body: bytesBody(xmlDocument(root, content)),
  };
}

export function failureReply(failed: S3Failure, resource: string, requestId: string): Reply {
  const headers = { 'content-type': 'application/xml', ...failed.headers };
  // As HTTP has it: no body with 304.
  if (failed.status === 304) return emptyReply(304, failed.headers);
  const document = errorDocument({
    Code: failed.code,
    Message: failed.message,
    ...failed.details,
    Resource: resource,
    RequestId: requestId,
    HostId: 'kvferry-s3-simulator',
  });
  return { status: failed.status, headers, body: bytesBody(document) };
}
