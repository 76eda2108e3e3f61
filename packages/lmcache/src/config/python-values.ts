/** A value as Python holds it. Integers are exact: `none_hash` has 64 bits. */
export type PyValue =
  | { readonly kind: 'null' }
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'int'; readonly value: bigint }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'text'; readonly value: string }
  /** A date or a time, which no key of a configuration wants: its text is kept. */
  | { readonly kind: 'date'; readonly value: string }
  | { readonly kind: 'list'; readonly items: readonly PyNode[] }
  | { readonly kind: 'map'; readonly entries: readonly PyEntry[] };

/** A value and how it stands in the file or variable. */
export interface PyNode {
  readonly value: PyValue;
  /** As written, without quotes; of a list or map a word for it. */
  readonly written: string;
  readonly style: 'plain' | 'quoted';
  /** Counted from 1; 0 for what does not come from a file. */
  readonly line: number;
}

/** One key of a map; of a key written twice the last. */
export interface PyEntry {
  readonly key: string;
  readonly line: number;
  readonly node: PyNode;
}

/** A node for text that comes from no file, such as a variable's. */
export function textNode(value: string): PyNode {
  return { value: { kind: 'text', value }, written: value, style: 'quoted', line: 0 };
}

/** What Python's `str()` makes of a value; `undefined` for lists and maps, which no key wants as text. */
export function pythonText(value: PyValue): string | undefined {
  switch (value.kind) {
    case 'null':
      return 'None';
    case 'bool':
      return value.value ? 'True' : 'False';
    case 'int':
      return value.value.toString();
    case 'float':
      return floatText(value.value);
    case 'text':
    case 'date':
      return value.value;
    case 'list':
    case 'map':
      return undefined;
  }
}

/** Python's `bool()`. */
export function pythonTruth(value: PyValue): boolean {
  switch (value.kind) {
    case 'null':
      return false;
    case 'bool':
      return value.value;
    case 'int':
      return value.value !== 0n;
    case 'float':
      return value.value !== 0;
    case 'text':
      return value.value !== '';
    case 'date':
      return true;
    case 'list':
      return value.items.length > 0;
    case 'map':
      return value.entries.length > 0;
  }
}

/** Python's `int()`; `undefined` where Python raises. Fractions are cut off. */
export function pythonInt(value: PyValue): bigint | undefined {
  switch (value.kind) {
    case 'bool':
      return value.value ? 1n : 0n;
    case 'int':
      return value.value;
    case 'float':
      return Number.isFinite(value.value) ? BigInt(Math.trunc(value.value)) : undefined;
    case 'text': {
      const digits = /^\s*([-+]?)(\d+(?:_\d+)*)\s*$/.exec(value.value);
      if (digits === null) return undefined;
      const size = BigInt((digits[2] ?? '').replaceAll('_', ''));
      return digits[1] === '-' ? -size : size;
    }
    default:
      return undefined;
  }
}

/** Python's `float()`; `undefined` where Python raises. */
export function pythonFloat(value: PyValue): number | undefined {
  switch (value.kind) {
    case 'bool':
      return value.value ? 1 : 0;
    case 'int':
      return Number(value.value);
    case 'float':
      return value.value;
    case 'text': {
      const text = value.value.trim().toLowerCase();
      const named = /^([-+]?)(inf|infinity|nan)$/.exec(text);
      if (named !== null) return named[2] === 'nan' ? Number.NaN : named[1] === '-' ? -Infinity : Infinity;
      const digits = '\\d+(?:_\\d+)*';
      if (!new RegExp(`^[-+]?(?:${digits}\\.?(?:${digits})?|\\.${digits})(?:e[-+]?${digits})?$`).test(text))
        return undefined;
      return Number(text.replaceAll('_', ''));
    }
    default:
      return undefined;
  }
}

/** Python writes exponents from 1e16 and below 1e-4, with two digits at least; JavaScript from 1e21 and below 1e-6. */
function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value < 0 ? '-inf' : 'inf';
  if (Object.is(value, -0)) return '-0.0';
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e16 || size < 1e-4)) {
    return value.toExponential().replace(/e([-+])(\d)$/, 'e$10$2');
  }
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

/** The value as plain data: what a program in this language would have written. Whole numbers too large for a number stay exact, as bigint. */
export function plainValue({ value }: PyNode): unknown {
  switch (value.kind) {
    case 'null':
      return null;
    case 'int':
      return Number.isSafeInteger(Number(value.value)) ? Number(value.value) : value.value;
    case 'list':
      return value.items.map(plainValue);
    case 'map':
      return Object.fromEntries(value.entries.map(({ key, node }) => [key, plainValue(node)]));
    default:
      return value.value;
  }
}
