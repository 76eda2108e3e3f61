import { xmlField } from './error-body.ts';

/** A part that the store has taken. */
export interface UploadedPart {
  /** As its answer has it, quotes included. */
  readonly etag: string;
  /** CRC32C that was sent with it, in base64; `undefined` where none was. */
  readonly crc32c: string | undefined;
}

/** The name that CreateMultipartUpload's answer gives to the upload; `undefined` for what is no such answer. */
export function uploadIdOf(body: Uint8Array): string | undefined {
  return xmlField(new TextDecoder().decode(body), 'UploadId');
}

/** What CompleteMultipartUpload is sent: all parts, in order. */
export function completeDocument(parts: readonly UploadedPart[]): string {
  let document = '<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">';
  for (const [index, { etag, crc32c }] of parts.entries()) {
    const checksum = crc32c === undefined ? '' : `<ChecksumCRC32C>${crc32c}</ChecksumCRC32C>`;
    document += `<Part><PartNumber>${index + 1}</PartNumber><ETag>${escapeText(etag)}</ETag>${checksum}</Part>`;
  }
  return `${document}</CompleteMultipartUpload>`;
}

/** Whether a body says that the upload is complete. Stores keep a slow answer alive by white space in front of it. */
export function isCompleteResult(body: Uint8Array): boolean {
  return /<(\w+:)?CompleteMultipartUploadResult[\s>]/.test(new TextDecoder().decode(body));
}

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function escapeText(text: string): string {
  return text.replace(/[&<>"]/g, (char) => escapes[char] ?? char);
}
