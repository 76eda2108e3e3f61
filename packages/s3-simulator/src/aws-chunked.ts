/** The `aws-chunked` body encoding: chunks with optional signatures, then optional trailers. */

import { createHash, type Hash } from 'node:crypto';
import { failure, type S3Failure } from './failures.ts';
import type { ChunkSigner } from './signatures.ts';

/** Longest line of a chunk head or a trailer. */
const MAX_LINE_BYTES = 4096;

/** Decodes one body, in pieces of any size. */
export interface AwsChunkedDecoder {
  /** Calls `onData` with the pieces of data that this piece of the body holds, in order; they are views. Throws an S3Failure on malformed input. */
  push(piece: Uint8Array, onData: (data: Uint8Array) => void): void;
  /** The trailers, by name in lower case, once the body has ended. Throws IncompleteBody where it ended early. */
  finish(): ReadonlyMap<string, string>;
}

/** `signer` checks every chunk's signature; without it there must be none. */
export function createAwsChunkedDecoder(options: {
  readonly trailer: boolean;
  readonly signer: ChunkSigner | undefined;
}): AwsChunkedDecoder {
  const { signer } = options;
  const trailers = new Map<string, string>();
  let canonicalTrailer = '';
  let state: 'head' | 'data' | 'data-end' | 'trailer' | 'done' = 'head';
  let line = '';
  let remaining = 0;
  let chunkSignature = '';
  let chunkHash: Hash | undefined;

  function chunkHead(text: string): void {
    const match = /^([0-9a-fA-F]{1,8})(?:;chunk-signature=([0-9a-f]{64}))?$/.exec(text);
    if (match?.[1] === undefined) throw malformed(`is no chunk head: ${JSON.stringify(text.slice(0, 80))}`);
    if ((match[2] !== undefined) !== (signer !== undefined)) {
      throw malformed(
        signer === undefined ? 'has a chunk signature that was not announced' : 'lacks a chunk signature',
      );
    }
    remaining = Number.parseInt(match[1], 16);
    chunkSignature = match[2] ?? '';
    chunkHash = signer === undefined ? undefined : createHash('sha256');
    if (remaining > 0) {
      state = 'data';
      return;
    }
    endOfChunk();
    state = 'trailer';
  }

  function endOfChunk(): void {
    if (signer !== undefined && chunkHash !== undefined) signer.checkChunk(chunkSignature, chunkHash.digest('hex'));
  }

  function trailerLine(text: string): void {
    if (text === '') {
      // Some clients put an empty line between the trailers and their signature.
      if (signer === undefined || !options.trailer || trailers.has('x-amz-trailer-signature')) state = 'done';
      return;
    }
    const colon = text.indexOf(':');
    if (colon <= 0 || !options.trailer) throw malformed('holds something behind its last chunk');
    const name = text.slice(0, colon).trim().toLowerCase();
    const value = text.slice(colon + 1).trim();
    trailers.set(name, value);
    if (name === 'x-amz-trailer-signature') signer?.checkTrailer(value, canonicalTrailer);
    else canonicalTrailer += `${name}:${value}\n`;
  }

  return {
    push(piece, onData) {
      let at = 0;
      while (at < piece.byteLength) {
        if (state === 'done') throw malformed('goes on behind its end');
        if (state === 'data') {
          const data = piece.subarray(at, at + remaining);
          chunkHash?.update(data);
          onData(data);
          at += data.byteLength;
          remaining -= data.byteLength;
          if (remaining === 0) {
            endOfChunk();
            state = 'data-end';
          }
          continue;
        }
        const newline = piece.indexOf(0x0a, at);
        const end = newline < 0 ? piece.byteLength : newline + 1;
        line += Buffer.from(piece.buffer, piece.byteOffset + at, end - at).toString('latin1');
        at = end;
        if (line.length > MAX_LINE_BYTES) throw malformed('holds a line without end');
        if (newline < 0) return;
        const text = line.endsWith('\r\n') ? line.slice(0, -2) : line.slice(0, -1);
        line = '';
        if (state === 'head') chunkHead(text);
        else if (state === 'trailer') trailerLine(text);
        else {
          if (text !== '') throw malformed('holds a chunk longer than its head says');
          state = 'head';
        }
      }
    },
    finish() {
      // The empty line at the very end is left out by some clients.
      if (state !== 'done' && !(state === 'trailer' && line === '')) {
        throw failure('IncompleteBody', 'The aws-chunked body ended early.');
      }
      if (signer !== undefined && options.trailer && !trailers.has('x-amz-trailer-signature')) {
        throw malformed('lacks x-amz-trailer-signature');
      }
      return trailers;
    },
  };
}

function malformed(what: string): S3Failure {
  return failure('InvalidRequest', `The aws-chunked body ${what}.`);
}
