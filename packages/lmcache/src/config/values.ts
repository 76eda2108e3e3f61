import {
  type PyNode,
  type PyValue,
  pythonFloat,
  pythonInt,
  pythonText,
  pythonTruth,
  textNode,
} from './python-values.ts';
import type { KeyType } from './table.ts';

/** A value after LMCache's conversion. `null` is Python's None. */
export type SettingValue = string | number | boolean | null | readonly (string | number)[] | PyNode;

/** What a conversion did that the text does not show. */
export type ConversionNote =
  | { readonly kind: 'text-for-bool' }
  | { readonly kind: 'null-for-bool' }
  | { readonly kind: 'text-is-true' }
  | { readonly kind: 'read-otherwise'; readonly taken: string };

/** The outcome of LMCache's conversion of one value. */
export type Conversion =
  | { readonly status: 'converted'; readonly value: SettingValue; readonly note: ConversionNote | undefined }
  | { readonly status: 'failed'; readonly expected: string; readonly example: string };

/** Converts a top-level value as LMCache 0.5.6 does (`v1/config_base.py`): None stays None, whatever the type. */
export function convertTopLevel(type: KeyType, node: PyNode): Conversion {
  const { value } = node;
  if (value.kind === 'null') return converted(null, type === 'bool' ? { kind: 'null-for-bool' } : undefined);
  if (type !== 'bool') return convert(type, node);
  if (value.kind === 'bool') return converted(value.value);
  const text = pythonText(value)?.trim().toLowerCase() ?? '';
  const truth = text === 'true' || text === '1';
  // `no` is taken as it looks, though LMCache does not know the word.
  const clear = truth || /^(?:false|0|no|off|n|f)$/.test(text);
  return converted(truth, clear ? undefined : { kind: 'text-for-bool' });
}

/** Converts a value inside `extra_config` as LMCache's S3 adapter does: nothing at load, then Python's `bool()`, `int()` and `str()`. */
export function convertExtra(type: KeyType, node: PyNode): Conversion {
  const { value } = node;
  if (type === 'bool') {
    const truth = pythonTruth(value);
    if (value.kind === 'null') return converted(truth, { kind: 'null-for-bool' });
    const clear = value.kind !== 'text' || !truth || /^\s*(?:true|yes|on|1)\s*$/i.test(value.value);
    return converted(truth, clear ? undefined : { kind: 'text-is-true' });
  }
  if (value.kind === 'null' && (type === 'int' || type === 'float')) return failed(type);
  if (value.kind === 'null') return converted(null);
  return convert(type, node);
}

/** Text of an environment variable as LMCache takes it: no white space around, and one pair of quotes off. */
export function environmentText(raw: string): string {
  const text = raw.trim();
  const quote = text[0];
  if (text.length < 2 || (quote !== '"' && quote !== "'") || !text.endsWith(quote)) return text;
  const inner = text.slice(1, -1);
  // LMCache reads a Python literal and takes the quotes off where that fails, as with `"{"a": 1}"`.
  const literal = new RegExp(`^(?:[^${quote}\\\\\\n]|\\\\[\\s\\S])*$`).test(inner);
  return literal ? unescapePython(inner) : inner;
}

/** Reads JSON as Python's `json.loads`, integers exact; `undefined` where it is none. */
export function readJson(text: string): PyNode | undefined {
  try {
    return JSON.parse(text, (_key, value: unknown, context?: { readonly source?: string }): PyNode => {
      return jsonNode(value, context?.source);
    }) as PyNode;
  } catch {
    return undefined;
  }
}

const EXPECTED: Readonly<Record<KeyType, readonly [expected: string, example: string]>> = {
  bool: ['true or false', 'True'],
  int: ['a whole number', '256'],
  float: ['a number', '5.0'],
  text: ['text', '"text"'],
  'int-list': ['a list of whole numbers', '[1, 2]'],
  'float-list': ['a list of numbers', '[0.5, 1.0]'],
  'text-list': ['a list of names', '["a", "b"]'],
  map: ['a map', '{}'],
};

function convert(type: KeyType, node: PyNode): Conversion {
  const { value } = node;
  switch (type) {
    case 'int': {
      const taken = pythonInt(value);
      return taken === undefined ? failed(type) : converted(Number(taken), numberNote(node, taken.toString()));
    }
    case 'float': {
      const taken = pythonFloat(value);
      return taken === undefined ? failed(type) : converted(taken, numberNote(node, String(taken)));
    }
    case 'text': {
      const taken = pythonText(value);
      if (taken === undefined) return failed(type);
      const same = value.kind === 'text' || value.kind === 'date' || taken === node.written;
      return converted(taken, same ? undefined : { kind: 'read-otherwise', taken: JSON.stringify(taken) });
    }
    case 'int-list':
    case 'float-list':
    case 'text-list':
      return convertList(type, value);
    case 'map': {
      if (value.kind === 'map') return converted(node);
      if (value.kind !== 'text') return failed(type);
      if (value.value === '') return converted(null);
      const parsed = readJson(value.value);
      // LMCache takes any JSON and breaks on what is no map when it looks into it.
      if (parsed?.value.kind === 'null') return converted(null);
      return parsed?.value.kind === 'map' ? converted(atLine(parsed, node.line)) : failed(type);
    }
    case 'bool':
      return convertTopLevel(type, node);
  }
}

function convertList(type: 'int-list' | 'float-list' | 'text-list', value: PyValue): Conversion {
  const each = (item: PyNode): string | number | undefined => {
    if (type === 'text-list') return pythonText(item.value);
    const number = type === 'int-list' ? pythonInt(item.value) : pythonFloat(item.value);
    return number === undefined ? undefined : Number(number);
  };
  let items: readonly PyNode[];
  if (value.kind === 'list') items = value.items;
  else if (value.kind === 'text') {
    items = value.value
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '')
      .map(textNode);
  } else if (isSingle(type, value)) items = [{ value, written: '', style: 'plain', line: 0 }];
  else return failed(type);
  const taken = items.map(each);
  return taken.includes(undefined) ? failed(type) : converted(taken.filter((item) => item !== undefined));
}

/** A number alone is a list of one, where LMCache does not stumble over its type. */
function isSingle(type: 'int-list' | 'float-list' | 'text-list', value: PyValue): boolean {
  if (type === 'int-list') return value.kind === 'int' || value.kind === 'bool';
  return type === 'float-list' && (value.kind === 'int' || value.kind === 'float');
}

/** A note where the number is not the one that a person reads: octal, minutes, a fraction cut off, a bool. */
function numberNote(node: PyNode, taken: string): ConversionNote | undefined {
  const { value, written } = node;
  if (value.kind === 'text') return undefined;
  const digits = written.replaceAll('_', '');
  const plain = value.kind !== 'bool' && !digits.includes(':') && !/^[-+]?0[0-7]/.test(digits);
  const looksLike = plain ? Number(/^[-+]?0[bx]/.test(digits) ? unsigned(digits) : digits) : undefined;
  const isSame =
    looksLike === Number(taken) ||
    (value.kind === 'float' && !Number.isFinite(value.value)) ||
    /^[-+]?0+$/.test(digits);
  return isSame ? undefined : { kind: 'read-otherwise', taken };
}

/** `Number()` takes `0x10`, not `-0x10`. */
function unsigned(digits: string): number {
  const size = Number(digits.replace(/^[-+]/, ''));
  return digits.startsWith('-') ? -size : size;
}

function converted(value: SettingValue, note?: ConversionNote): Conversion {
  return { status: 'converted', value, note };
}

function failed(type: KeyType): Conversion {
  const [expected, example] = EXPECTED[type];
  return { status: 'failed', expected, example };
}

function jsonNode(value: unknown, source: string | undefined): PyNode {
  if (value === null) return json({ kind: 'null' }, 'null');
  if (typeof value === 'boolean') return json({ kind: 'bool', value }, String(value));
  if (typeof value === 'string') return { value: { kind: 'text', value }, written: value, style: 'quoted', line: 0 };
  if (typeof value === 'number') {
    const written = source ?? String(value);
    return /^-?\d+$/.test(written)
      ? json({ kind: 'int', value: BigInt(written) }, written)
      : json({ kind: 'float', value }, written);
  }
  // The reviver has been at the children already.
  if (Array.isArray(value)) return json({ kind: 'list', items: value as PyNode[] }, '(a list)');
  const entries = Object.entries(value as Record<string, PyNode>).map(([key, node]) => ({ key, line: 0, node }));
  return json({ kind: 'map', entries }, '(a map)');
}

function json(value: PyValue, written: string): PyNode {
  return { value, written, style: 'plain', line: 0 };
}

/** JSON inside a YAML text: all of it stands where the text starts. */
function atLine(node: PyNode, line: number): PyNode {
  const { value } = node;
  if (value.kind === 'map') {
    const entries = value.entries.map((entry) => ({ ...entry, line, node: atLine(entry.node, line) }));
    return { ...node, line, value: { kind: 'map', entries } };
  }
  if (value.kind === 'list') {
    return { ...node, line, value: { kind: 'list', items: value.items.map((item) => atLine(item, line)) } };
  }
  return { ...node, line };
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\',
  "'": "'",
  '"': '"',
  n: '\n',
  r: '\r',
  t: '\t',
  '\n': '',
};

function unescapePython(text: string): string {
  return text.replace(
    /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|([\s\S]))/g,
    (whole, byte?: string, unit?: string, one?: string) => {
      const code = byte ?? unit;
      if (code !== undefined) return String.fromCharCode(Number.parseInt(code, 16));
      return ESCAPES[one ?? ''] ?? whole;
    },
  );
}
