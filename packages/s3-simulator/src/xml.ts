/** S3's XML, both ways. */

import { XMLBuilder, XMLParser } from 'fast-xml-parser';
import { failure } from './failures.ts';

export type XmlValue = string | number | boolean | undefined | XmlElement | readonly XmlElement[] | readonly string[];
export interface XmlElement {
  readonly [name: string]: XmlValue;
}

const NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/';

// Entities are ours to write: the builder knows the five of XML, but a key may also hold control characters, which parsers would change.
const builder = new XMLBuilder({
  ignoreAttributes: false,
  processEntities: false,
  suppressEmptyNode: false,
  tagValueProcessor: (_name, value) => escapeXml(String(value)),
});

// Values stay text: a key such as `007` or ` a ` must arrive as it was sent.
const parser = new XMLParser({
  ignoreAttributes: true,
  parseTagValue: false,
  trimValues: false,
  htmlEntities: true,
  isArray: (name) => name === 'Object' || name === 'Part',
});

/** A document with this root in S3's namespace. */
export function xmlDocument(root: string, content: XmlElement): Buffer {
  return render({ [root]: { '@_xmlns': NAMESPACE, ...content } });
}

/** An error document, which has no namespace. */
export function errorDocument(fields: Readonly<Record<string, string>>): Buffer {
  return render({ Error: fields });
}

/** The content of the root element. Throws MalformedXML where the root is another, or the text is no XML. */
export function parseXml(bytes: Uint8Array, root: string): Readonly<Record<string, unknown>> {
  let document: Record<string, unknown>;
  try {
    document = parser.parse(Buffer.from(bytes).toString('utf8'), true);
  } catch {
    throw failure('MalformedXML');
  }
  const content = document[root];
  if (!isRecord(content)) throw failure('MalformedXML', `The document's root must be ${root}.`);
  return content;
}

/** The elements of this name, which each must have content of their own. */
export function elements(
  parent: Readonly<Record<string, unknown>>,
  name: string,
): readonly Readonly<Record<string, unknown>>[] {
  const list = parent[name];
  if (!Array.isArray(list) || !list.every(isRecord)) throw failure('MalformedXML', `${name} is missing or empty.`);
  return list;
}

/** The text of a child element. */
export function text(parent: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = parent[name];
  return typeof value === 'string' ? value : undefined;
}

function render(document: XmlElement): Buffer {
  return Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>\n${builder.build(document)}`);
}

function escapeXml(value: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must be escaped
  return value.replace(/[&<>"'\u0000-\u001f\u007f]/g, (c) => `&#x${c.charCodeAt(0).toString(16)};`);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
