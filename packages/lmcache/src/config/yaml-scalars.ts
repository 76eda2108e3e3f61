import type { PyValue } from './python-values.ts';

/**
 * Reads a plain (unquoted) scalar as PyYAML 6's `safe_load` does: YAML 1.1 with PyYAML's own narrowings. `y` and `n` are text, a float needs
 * a dot and its exponent a sign, `010` is octal, `1:30` is sexagesimal. `undefined` for what PyYAML recognises and cannot build (`0x_`).
 *
 * `yaml` with `version: '1.1'` is another reading (`y` true, `1e3` a number), so it is not used for this.
 */
export function resolvePlainScalar(text: string): PyValue | undefined {
  if (NULL.test(text)) return { kind: 'null' };
  if (BOOL.test(text)) return { kind: 'bool', value: /^(?:yes|true|on)$/i.test(text) };
  // PyYAML asks in this order, and `1:30.` is a float before it could be anything else.
  if (FLOAT.test(text)) return floatOf(text);
  if (INT.test(text)) return intOf(text);
  if (DATE.test(text)) return dateExists(text) ? { kind: 'date', value: text } : undefined;
  // YAML 1.1's default key and merge key: as values PyYAML knows them and has nothing to build.
  if (text === '=' || text === '<<') return undefined;
  return { kind: 'text', value: text };
}

/** What an explicit tag such as `!!int` makes of a scalar's text, whatever its quotes; `undefined` where PyYAML refuses. */
export function resolveTaggedScalar(tag: string, text: string): PyValue | undefined {
  switch (tag.replace('tag:yaml.org,2002:', '!!')) {
    case '!!str':
      return { kind: 'text', value: text };
    case '!!null':
      return { kind: 'null' };
    case '!!bool':
      return /^(?:yes|no|true|false|on|off)$/i.test(text)
        ? { kind: 'bool', value: /^(?:yes|true|on)$/i.test(text) }
        : undefined;
    case '!!int':
      return text === '' ? undefined : intOf(text);
    case '!!float':
      return text === '' ? undefined : floatOf(text);
    default:
      return undefined;
  }
}

const NULL = /^(?:~|null|Null|NULL|)$/;
const BOOL = /^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$/;
const INT =
  /^(?:[-+]?0b[01_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$/;
const FLOAT =
  /^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;
const DATE =
  /^(?:\d{4}-\d\d-\d\d|\d{4}-\d\d?-\d\d?(?:[Tt]|[ \t]+)\d\d?:\d\d:\d\d(?:\.\d*)?(?:[ \t]*(?:Z|[-+]\d\d?(?::\d\d)?))?)$/;

function intOf(written: string): PyValue | undefined {
  const negative = written.startsWith('-');
  const digits = written.replaceAll('_', '').replace(/^[-+]/, '');
  const size = digits.includes(':') && !digits.startsWith('0') ? sexagesimal(digits) : bigintOf(digits);
  return size === undefined ? undefined : { kind: 'int', value: negative ? -size : size };
}

function bigintOf(digits: string): bigint | undefined {
  if (/^(?:0x[0-9a-fA-F]+|0b[01]+|[1-9][0-9]*|0)$/.test(digits)) return BigInt(digits);
  if (/^0[0-7]+$/.test(digits)) return BigInt(`0o${digits.slice(1)}`);
  return undefined;
}

function sexagesimal(digits: string): bigint | undefined {
  if (!/^\d+(?::\d+)+$/.test(digits)) return undefined;
  return digits.split(':').reduce((sum, part) => sum * 60n + BigInt(part), 0n);
}

function floatOf(written: string): PyValue | undefined {
  const negative = written.startsWith('-');
  const digits = written.replaceAll('_', '').toLowerCase().replace(/^[-+]/, '');
  if (digits === '.nan') return { kind: 'float', value: Number.NaN };
  let size: number;
  if (digits === '.inf') size = Infinity;
  else if (digits.includes(':')) {
    // Added from the last part up, as PyYAML does: floats round differently the other way.
    let base = 1;
    size = 0;
    for (const part of digits.split(':').reverse()) {
      if (!/^\d+\.?\d*$/.test(part)) return undefined;
      size += Number(part) * base;
      base *= 60;
    }
  } else {
    if (!/^(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/.test(digits)) return undefined;
    size = Number(digits);
  }
  return { kind: 'float', value: negative ? -size : size };
}

/** PyYAML builds a date of it and fails on `2026-13-01`; zones shift nothing that matters here. */
function dateExists(text: string): boolean {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = (text.match(/\d+/g) ?? []).map(Number);
  const inMonth = new Date(Date.UTC(2000, month, 0)).getUTCDate();
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = month === 2 && !leap ? 28 : inMonth;
  const timed = text.includes(':');
  return (
    year >= 1 &&
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    day <= days &&
    (!timed || (hour < 24 && minute < 60 && second < 60))
  );
}
