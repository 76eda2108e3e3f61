/** What S3's error document says, as far as anybody here reads it. Absent fields are `undefined`. */
export interface ErrorDocument {
  readonly code?: string | undefined;
  readonly message?: string | undefined;
  readonly requestId?: string | undefined;
  /** AuthorizationHeaderMalformed: the region that the bucket is in. */
  readonly region?: string | undefined;
  /** PermanentRedirect: the host to use. */
  readonly endpoint?: string | undefined;
  /** NoSuchBucket: the name that the store looked for. */
  readonly bucketName?: string | undefined;
  /** RequestTimeTooSkewed: the store's clock. */
  readonly serverTime?: string | undefined;
}

/**
 * Reads an error document. A field reader, not an XML parser: the body is bounded by the wire client, its fields are
 * flat, and whatever does not read as one has no code.
 */
export function readErrorDocument(body: Uint8Array): ErrorDocument {
  if (body.byteLength === 0) return {};
  const text = new TextDecoder().decode(body);
  if (!isErrorDocument(text)) return {};
  return {
    code: xmlField(text, 'Code'),
    message: xmlField(text, 'Message'),
    requestId: xmlField(text, 'RequestId'),
    region: xmlField(text, 'Region'),
    endpoint: xmlField(text, 'Endpoint'),
    bucketName: xmlField(text, 'BucketName'),
    serverTime: xmlField(text, 'ServerTime'),
  };
}

/** Whether a text is an error document, and not a value that happens to hold one. */
export function isErrorDocument(text: string): boolean {
  return /^\uFEFF?\s*(<\?xml[^>]*\?>\s*)?<(\w+:)?Error[\s>]/.test(text);
}

/** Text of the first element of this name, with its entities read; `undefined` where there is none, or it is empty. For flat documents of bounded size. */
export function xmlField(text: string, name: string): string | undefined {
  const open = `<${name}>`;
  const start = text.indexOf(open);
  if (start === -1) return undefined;
  const end = text.indexOf(`</${name}>`, start);
  if (end === -1) return undefined;
  const value = unescapeEntities(text.slice(start + open.length, end).trim());
  return value === '' ? undefined : value;
}

/** Texts of all elements of this name that have nothing but text in them, in order, with their entities read. */
export function xmlFields(text: string, name: string): string[] {
  const elements = text.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'));
  return Array.from(elements, ([, content = '']) => unescapeEntities(content));
}

const named: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };

function unescapeEntities(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(\w{2,4}));/gi, (whole, decimal, hex, name) => {
    if (name !== undefined) return named[name] ?? whole;
    const point = decimal === undefined ? Number.parseInt(hex, 16) : Number.parseInt(decimal, 10);
    return point <= 0x10ffff ? String.fromCodePoint(point) : whole;
  });
}
