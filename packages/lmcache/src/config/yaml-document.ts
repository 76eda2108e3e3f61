import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  Scalar,
  visit,
  type YAMLMap,
} from 'yaml';
import type { PyEntry, PyNode } from './python-values.ts';
import { resolvePlainScalar, resolveTaggedScalar } from './yaml-scalars.ts';

/** A key written more than once in one map; the last counts. */
export interface DuplicateKey {
  /** `extra_config.s3_region`. */
  readonly path: string;
  readonly firstLine: number;
  readonly lastLine: number;
  /** The value that counts. */
  readonly node: PyNode;
}

/** A YAML document as PyYAML reads it, or why PyYAML refuses it. */
export type YamlDocument =
  | {
      readonly status: 'read';
      /** `undefined`: nothing but white space and comments. */
      readonly root: PyNode | undefined;
      readonly duplicates: readonly DuplicateKey[];
      /** Names of the placeholders that were filled in. */
      readonly filled: ReadonlySet<string>;
    }
  | { readonly status: 'refused'; readonly line: number; readonly problem: string; readonly fix: string };

/** `{NAME}` in a value, to be filled in by the caller. */
export const PLACEHOLDER: RegExp = /\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/**
 * Reads one YAML document as PyYAML 6's `safe_load` does, with the line of every value. `{NAME}` in a value is replaced by
 * `placeholders.NAME` where that is given, before the value is interpreted; lines do not move.
 *
 * Messages never quote the text: a line that cannot be read may hold a secret.
 */
export function readYaml(text: string, placeholders: Readonly<Record<string, string>>): YamlDocument {
  try {
    return new Reader(text, placeholders).read();
  } catch (error) {
    if (error instanceof Refusal)
      return { status: 'refused', line: error.line, problem: error.message, fix: error.fix };
    throw error;
  }
}

class Refusal extends Error {
  readonly line: number;
  readonly fix: string;

  constructor(line: number, problem: string, fix: string) {
    super(problem);
    this.line = line;
    this.fix = fix;
  }
}

class Reader {
  readonly #text: string;
  readonly #placeholders: Readonly<Record<string, string>>;
  readonly #lines = new LineCounter();
  readonly #duplicates: DuplicateKey[] = [];
  readonly #filled = new Set<string>();
  readonly #anchors = new Map<string, Node>();
  /** A node that several aliases name is built once; one being built that is met again contains itself. */
  readonly #built = new Map<Node, PyNode | 'underway'>();

  constructor(text: string, placeholders: Readonly<Record<string, string>>) {
    this.#text = text;
    this.#placeholders = placeholders;
  }

  read(): YamlDocument {
    const document = parseDocument(this.#text, {
      // Scalars stay text: their meaning is PyYAML's, not this library's.
      schema: 'failsafe',
      version: '1.1',
      merge: false,
      uniqueKeys: false,
      lineCounter: this.#lines,
      prettyErrors: false,
      strict: false,
      // With `silent` a second document would go unnoticed.
      logLevel: 'error',
    });
    this.#refuseCharacters();
    this.#refuseTabs();
    const [error] = document.errors;
    if (error !== undefined) throw this.#syntaxError(error.code, openQuote(document, error.pos[0]) ?? error.pos[0]);
    const root = document.contents === null ? undefined : this.#node(document.contents, '');
    return {
      status: 'read',
      root: root?.value.kind === 'null' ? undefined : root,
      duplicates: this.#duplicates,
      filled: this.#filled,
    };
  }

  #node(node: Node, path: string): PyNode {
    if (isAlias(node)) return this.#aliased(node);
    const known = this.#built.get(node);
    if (known === 'underway')
      throw new Refusal(this.#line(node), 'An alias stands inside what it names.', 'Write it out.');
    if (known !== undefined) return known;
    const anchor = isScalar(node) || isMap(node) || isSeq(node) ? node.anchor : undefined;
    if (anchor !== undefined) {
      if (this.#anchors.has(anchor)) throw new Refusal(this.#line(node), 'This anchor is there twice.', 'Rename one.');
      this.#anchors.set(anchor, node);
    }
    this.#built.set(node, 'underway');
    const built = this.#build(node, path);
    this.#built.set(node, built);
    return built;
  }

  #aliased(alias: Alias): PyNode {
    const target = this.#anchors.get(alias.source);
    if (target === undefined) {
      throw new Refusal(
        this.#line(alias),
        'A value that starts with * is an alias in YAML, and there is no anchor of this name before it.',
        'If it is meant as text, put it in quotes.',
      );
    }
    return { ...this.#node(target, ''), line: this.#line(alias) };
  }

  #build(node: Node, path: string): PyNode {
    const line = this.#line(node);
    if (isScalar(node)) return this.#scalar(node, line);
    if (isSeq(node)) {
      this.#refuseTag(node.tag, ['!!seq'], line);
      const items = node.items.map((item, index) => this.#item(item, `${path}[${index}]`, line));
      return { value: { kind: 'list', items }, written: '(a list)', style: 'plain', line };
    }
    if (isMap(node)) {
      const placeholder = this.#bracesAlone(node);
      if (placeholder !== undefined) return this.#plain(placeholder, line);
      this.#refuseTag(node.tag, ['!!map'], line);
      return { value: { kind: 'map', entries: this.#entries(node, path) }, written: '(a map)', style: 'plain', line };
    }
    throw new Refusal(line, 'This cannot be read.', 'Write it plainly.');
  }

  #item(item: unknown, path: string, line: number): PyNode {
    if (isNode(item)) return this.#node(item, path);
    // An empty item of a list inside brackets that holds a pair: `[a: b]` is a list of maps.
    if (isPair(item)) {
      const single = this.#pairEntry(item, path);
      return { value: { kind: 'map', entries: [single] }, written: '(a map)', style: 'plain', line };
    }
    return { value: { kind: 'null' }, written: '', style: 'plain', line };
  }

  #scalar(node: Scalar, line: number): PyNode {
    const plain = isPlain(node);
    const text = String(plain ? (node.source ?? '') : (node.value ?? ''));
    const tag = node.tag;
    if (tag === undefined || tag === '!') {
      // PyYAML resolves what `!` marks as if it were plain.
      if (plain || tag === '!') return this.#plain(text, line);
      const filled = this.#fill(text);
      return { value: { kind: 'text', value: filled }, written: filled, style: 'quoted', line };
    }
    const filled = this.#fill(text);
    const value = resolveTaggedScalar(tag, filled);
    if (value === undefined)
      throw new Refusal(line, 'PyYAML cannot build a value with this tag.', 'Leave the tag away.');
    return { value, written: filled, style: plain ? 'plain' : 'quoted', line };
  }

  #plain(text: string, line: number): PyNode {
    const filled = this.#fill(text);
    const value = resolvePlainScalar(filled);
    if (value === undefined) {
      throw new Refusal(
        line,
        'PyYAML takes this for a number or a date and cannot build it.',
        'If it is text, put it in quotes.',
      );
    }
    return { value, written: filled, style: 'plain', line };
  }

  /** `{NAME}` without quotes is a map with one empty key to YAML. Nobody means that; where it is a placeholder it is read as one. */
  #bracesAlone(node: YAMLMap): string | undefined {
    const [pair] = node.items;
    if (!node.flow || node.items.length !== 1 || !isScalar(pair?.key)) return undefined;
    const name = String(pair.key.source ?? '');
    const empty = pair.value === null || (isScalar(pair.value) && pair.value.source === '');
    if (!empty || (!/^[A-Z][A-Z0-9_]*$/.test(name) && !Object.hasOwn(this.#placeholders, name))) return undefined;
    return `{${name}}`;
  }

  #fill(text: string): string {
    return text.replace(PLACEHOLDER, (whole, name: string) => {
      if (!Object.hasOwn(this.#placeholders, name)) return whole;
      this.#filled.add(name);
      return this.#placeholders[name] ?? whole;
    });
  }

  #entries(map: YAMLMap, path: string): PyEntry[] {
    const merged = new Map<string, PyEntry>();
    const own = new Map<string, PyEntry>();
    for (const pair of map.items) {
      if (isScalar(pair.key) && isPlain(pair.key) && pair.key.source === '<<') {
        // Of several maps to merge the first wins, and the map's own keys win over all.
        for (const entry of this.#mergedEntries(pair)) if (!merged.has(entry.key)) merged.set(entry.key, entry);
        continue;
      }
      const entry = this.#pairEntry(pair, path);
      const earlier = own.get(entry.key);
      if (earlier !== undefined) {
        this.#duplicates.push({
          path: path === '' ? entry.key : `${path}.${entry.key}`,
          firstLine: earlier.line,
          lastLine: entry.line,
          node: entry.node,
        });
      }
      own.set(entry.key, entry);
    }
    return [...[...merged.values()].filter((entry) => !own.has(entry.key)), ...own.values()];
  }

  #pairEntry(pair: Pair, path: string): PyEntry {
    const line = isNode(pair.key) ? this.#line(pair.key) : 1;
    const key = this.#key(pair.key, line);
    const node: PyNode = isNode(pair.value)
      ? this.#node(pair.value, path === '' ? key : `${path}.${key}`)
      : { value: { kind: 'null' }, written: '', style: 'plain', line };
    // A finding about a key points at the key, also where its value starts a line further down.
    return { key, line, node: { ...node, line } };
  }

  /** Keys are compared as text, and no placeholder stands in one. */
  #key(node: unknown, line: number): string {
    if (isAlias(node)) return this.#aliased(node).written;
    if (isMap(node) || isSeq(node)) throw new Refusal(line, 'A list or map cannot be a key.', 'Write a name.');
    const key = isScalar(node) ? String((isPlain(node) ? node.source : node.value) ?? '') : '';
    if (!isScalar(node) || (isPlain(node) && key === '')) {
      throw new Refusal(line, 'There is no key before the colon.', 'Write key: value.');
    }
    return key;
  }

  #mergedEntries(pair: Pair): readonly PyEntry[] {
    const node = isNode(pair.value) ? this.#node(pair.value, '') : undefined;
    const maps = node?.value.kind === 'list' ? node.value.items : node === undefined ? [] : [node];
    return maps.flatMap(({ value, line }) => {
      if (value.kind !== 'map')
        throw new Refusal(line, 'The merge key << takes a map or a list of maps.', 'Write the keys out.');
      return value.entries;
    });
  }

  #refuseTag(tag: string | undefined, allowed: readonly string[], line: number): void {
    if (tag === undefined || tag === '!' || allowed.includes(tag.replace('tag:yaml.org,2002:', '!!'))) return;
    throw new Refusal(line, 'PyYAML cannot build a value with this tag.', 'Leave the tag away.');
  }

  /** Of the characters that PyYAML's reader refuses. */
  #refuseCharacters(): void {
    const bad = /[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u.exec(this.#text);
    if (bad === null) return;
    throw new Refusal(this.#lines.linePos(bad.index).line, 'YAML has no control characters.', 'Remove the character.');
  }

  /** PyYAML allows a tab inside quotes, block text and comments only; this library also between words. */
  #refuseTabs(): void {
    if (!this.#text.includes('\t')) return;
    let offset = this.#text.startsWith('\ufeff') ? 1 : 0;
    let next: 'token' | 'plain' | 'block' = 'token';
    let blockAhead = false;
    for (const token of new Lexer().lex(this.#text)) {
      if (token === '\x02' || token === '\x18') continue;
      if (token === '\x1f') {
        next = blockAhead ? 'block' : 'plain';
        blockAhead = false;
        continue;
      }
      const text = next === 'block' || /^["'#]/.test(token);
      if (!text && token.includes('\t')) {
        throw new Refusal(
          this.#lines.linePos(offset + token.indexOf('\t')).line,
          'PyYAML does not take a tab here, neither to indent nor between words.',
          'Use spaces.',
        );
      }
      if (next === 'token' && /^[|>]/.test(token)) blockAhead = true;
      next = 'token';
      offset += token.length;
    }
  }

  #syntaxError(code: string, offset: number): Refusal {
    const [problem, fix] = SYNTAX[code] ?? ['This is not YAML.', 'Write key: value, one a line.'];
    return new Refusal(this.#lines.linePos(offset).line, problem, fix);
  }

  #line(node: Node): number {
    return node.range === undefined || node.range === null ? 1 : this.#lines.linePos(node.range[0]).line;
  }
}

/** Where a quote opens that runs to an error's place: the library points at its end, which may be the end of the file. */
function openQuote(document: Document.Parsed, offset: number): number | undefined {
  let opened: number | undefined;
  visit(document, {
    Scalar: (_key, node) => {
      const [start = 0, end = 0] = node.range ?? [];
      if (!isPlain(node) && start < offset && end >= offset) opened = start;
    },
  });
  return opened;
}

function isPlain(scalar: Scalar): boolean {
  return scalar.type === Scalar.PLAIN || scalar.type === undefined;
}

const SYNTAX: Readonly<Record<string, readonly [problem: string, fix: string]>> = {
  MULTIPLE_DOCS: ['The file holds more than one YAML document.', 'Keep one, and remove the --- between them.'],
  TAB_AS_INDENT: ['PyYAML does not take a tab here, neither to indent nor between words.', 'Use spaces.'],
  BAD_INDENT: [
    'The indentation does not fit the lines before, or a bracket or quote is open.',
    'Indent all keys of one map alike, with spaces; close what was opened.',
  ],
  BLOCK_AS_IMPLICIT_KEY: [
    'A second key: value stands inside a value.',
    'Put the value in quotes, or the keys on lines of their own.',
  ],
  MULTILINE_IMPLICIT_KEY: ['A key goes over several lines, or a colon is missing.', 'Write key: value on one line.'],
  MISSING_CHAR: ['A closing quote, bracket, colon or comma is missing.', 'Close what was opened; write key: value.'],
  BAD_SCALAR_START: ['An unquoted value cannot start with this character.', 'Put the value in quotes.'],
  BAD_DQ_ESCAPE: ['Unknown escape in double quotes.', 'Use single quotes, or double the backslash.'],
  UNEXPECTED_TOKEN: [
    'Something stands here that YAML does not expect.',
    'Write key: value; put text with special characters in quotes.',
  ],
};
