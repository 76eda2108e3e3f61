import type { ConfigFinding, ConfigSource, KvferryExtension, ParseInput } from '../types.ts';
import { findings, NOT_SHOWN, type Subject } from './findings.ts';
import { isHashSeed, readExtension } from './kvferry-extension.ts';
import { isSecretName, unknownNameFinding, unknownVariableFinding, variableName, WORKING_ALIASES } from './names.ts';
import { type PyEntry, type PyNode, pythonText, textNode } from './python-values.ts';
import { KEY_TABLE, type KeyLevel, type KeySpec, keySpec, LEVEL_PREFIX, PLUGIN_KEY } from './table.ts';
import {
  type Conversion,
  type ConversionNote,
  convertExtra,
  convertTopLevel,
  environmentText,
  type SettingValue,
} from './values.ts';
import type { DuplicateKey } from './yaml-document.ts';
import { resolvePlainScalar } from './yaml-scalars.ts';

/** A known key, its value in force and where that came from. */
export interface Setting {
  readonly spec: KeySpec;
  readonly level: KeyLevel;
  /** `extra_config.s3_region`. */
  readonly path: string;
  readonly value: SettingValue;
  readonly source: ConfigSource;
  /** How it stands in the file or variable; `undefined` for a default. */
  readonly node: PyNode | undefined;
}

/** Every known key with its value in force: defaults, then the file, then the environment, with LMCache's conversions. */
export class Settings {
  readonly #input: ParseInput;
  readonly #byPath = new Map<string, Setting>();
  readonly #findings: ConfigFinding[] = [];
  readonly #topLevelStrays = new Map<string, Subject>();
  #extension: KvferryExtension = {};

  constructor(input: ParseInput, entries: readonly PyEntry[], duplicates: readonly DuplicateKey[]) {
    this.#input = input;
    for (const level of ['top', 'extra', 'kvferry'] as const) {
      for (const spec of KEY_TABLE[level]) this.#setDefault(level, spec);
    }
    this.#readFile(entries);
    const fromFile = this.get('extra_config');
    this.#readEnvironment();
    this.#sayWhatIsLost(fromFile);
    this.#readExtraConfig();
    this.#readHashSeed();
    for (const duplicate of duplicates) {
      const { path, node, firstLine, lastLine } = duplicate;
      const at = this.#subject(path, node, { kind: 'file', file: input.file, line: lastLine });
      this.#findings.push(findings.duplicateKey(at, firstLine, lastLine));
    }
  }

  /** What reading the values gave to say, in no order. */
  get findings(): readonly ConfigFinding[] {
    return this.#findings;
  }

  /** The map `extra_config.kvferry`. */
  get extension(): KvferryExtension {
    return this.#extension;
  }

  /** All known keys, in the order of the table. */
  get all(): readonly Setting[] {
    return [...this.#byPath.values()];
  }

  /** A known key's setting, by its path. */
  get(path: string): Setting {
    const setting = this.#byPath.get(path);
    if (setting === undefined) throw new Error(`no such key: ${path}`);
    return setting;
  }

  /** A setting, as findings name it. */
  subject(path: string): Subject {
    const { node, source, value } = this.get(path);
    return this.#subject(path, node ?? textNode(value === null ? '' : shownValue(value)), source);
  }

  /** Whether a value was there and could not be taken. */
  isFaulty(path: string): boolean {
    return this.#findings.some((each) => each.severity === 'error' && each.key === path);
  }

  /** Where a key stands at top level that belongs under `extra_config`. */
  stray(name: string): Subject | undefined {
    return this.#topLevelStrays.get(name);
  }

  #setDefault(level: KeyLevel, spec: KeySpec): void {
    const path = LEVEL_PREFIX[level] + spec.key;
    this.#byPath.set(path, { spec, level, path, value: spec.default, source: { kind: 'default' }, node: undefined });
  }

  #readFile(entries: readonly PyEntry[]): void {
    for (const { key, line, node } of entries) {
      const source: ConfigSource = { kind: 'file', file: this.#input.file, line };
      const at = this.#subject(key, node, source);
      const current = WORKING_ALIASES.get(key);
      if (current !== undefined) this.#findings.push(findings.oldName(at, current));
      const spec = keySpec('top', current ?? key);
      if (spec !== undefined) {
        this.#take('top', spec, node, source);
        continue;
      }
      if (keySpec('extra', key) !== undefined) this.#topLevelStrays.set(key, at);
      this.#findings.push(unknownNameFinding('top', key, at));
    }
  }

  #readEnvironment(): void {
    const { env } = this.#input;
    for (const spec of KEY_TABLE.top) this.#readVariable(spec, variableName(spec.key));
    for (const [old, current] of WORKING_ALIASES) {
      const spec = keySpec('top', current);
      const raw = env[variableName(old)];
      if (raw === undefined || spec === undefined) continue;
      this.#findings.push(findings.oldName(this.#variableSubject(current, variableName(old)), variableName(current)));
      this.#readVariable(spec, variableName(old));
    }
    for (const variable of Object.keys(env)) {
      if (!variable.startsWith('LMCACHE_') || env[variable] === undefined) continue;
      const found = unknownVariableFinding(variable, this.#variableSubject(variable, variable));
      if (found !== undefined) this.#findings.push(found);
    }
    if ((env.LMCACHE_FORCE_SKIP_SAVE ?? '') !== '') {
      this.#findings.push(
        findings.noEffect(this.#variableSubject('LMCACHE_FORCE_SKIP_SAVE', 'LMCACHE_FORCE_SKIP_SAVE')),
      );
    }
  }

  #readVariable(spec: KeySpec, variable: string): void {
    const raw = this.#input.env[variable];
    if (raw === undefined) return;
    const text = environmentText(raw);
    const source: ConfigSource = { kind: 'environment', variable };
    if (text !== '') {
      this.#take('top', spec, textNode(text), source);
      return;
    }
    const before = this.get(spec.key);
    const at = this.#variableSubject(spec.key, variable);
    if (spec.type === 'int' || spec.type === 'float') {
      if (this.#input.text === undefined) this.#takeFailed(spec, convertTopLevel(spec.type, textNode('')), at);
      else this.#findings.push(findings.emptyVariable(at, `The number stays ${shownValue(before.value)}.`));
      return;
    }
    const conversion = convertTopLevel(spec.type, textNode(''));
    if (conversion.status === 'failed') return;
    const emptied = before.source.kind === 'file' || !isSame(conversion.value, before.value);
    if (emptied && spec.type !== 'map') {
      const over = before.source.kind === 'file' ? 'the file' : 'the default';
      this.#findings.push(
        findings.emptyVariable(at, `It overrides ${over} and is taken as ${shownValue(conversion.value)}.`),
      );
    }
    this.#set('top', spec, conversion.value, source, textNode(''));
  }

  #sayWhatIsLost(fromFile: Setting): void {
    const now = this.get('extra_config');
    if (fromFile.source.kind !== 'file' || now.source.kind !== 'environment') return;
    const kept = new Set(pathsOf(now.value));
    const lost = pathsOf(fromFile.value).filter((path) => !kept.has(path));
    const at = this.#variableSubject('extra_config', now.source.variable);
    if (now.value === null) {
      const taken =
        lost.length === 0 ? 'It overrides the file.' : `It drops the extra_config of the file: ${lost.join(', ')}.`;
      this.#findings.push(findings.emptyVariable(at, taken));
    } else if (lost.length > 0) this.#findings.push(findings.extraConfigReplaced(at, lost));
  }

  #readExtraConfig(): void {
    const { value, source } = this.get('extra_config');
    for (const { key, node } of mapEntries(value)) {
      const at: ConfigSource = source.kind === 'file' ? { ...source, line: node.line } : source;
      const spec = keySpec('extra', key);
      if (key === 'kvferry') this.#readExtension(node, at);
      else if (spec !== undefined) this.#takeExtra(spec, node, at);
      else {
        const subject = this.#subject(LEVEL_PREFIX.extra + key, node, at);
        this.#findings.push(
          PLUGIN_KEY.test(key) ? findings.noEffect(subject) : unknownNameFinding('extra', key, subject),
        );
      }
    }
  }

  #takeExtra(spec: KeySpec, node: PyNode, source: ConfigSource): void {
    const { kind } = node.value;
    if (spec.secret && kind !== 'text' && kind !== 'null') {
      this.#findings.push(findings.credentialNotText(this.#subject(LEVEL_PREFIX.extra + spec.key, node, source)));
      return;
    }
    // Its text forms have a finding of their own, since true is refused.
    const quiet = spec.key === 'save_chunk_meta';
    this.#take('extra', spec, node, source, quiet ? ['text-is-true'] : []);
  }

  #readExtension(node: PyNode, source: ConfigSource): void {
    const sourceOf = (at: PyNode): ConfigSource => (source.kind === 'file' ? { ...source, line: at.line } : source);
    const read = readExtension(node, (key, at) => this.#subject(key, at, sourceOf(at)));
    this.#extension = read.extension;
    this.#findings.push(...read.findings);
    const spec = keySpec('extra', 'kvferry');
    if (spec !== undefined && node.value.kind === 'map') this.#set('extra', spec, node, source, node);
    for (const [key, at] of read.set) {
      const own = keySpec('kvferry', key);
      if (own !== undefined) this.#set('kvferry', own, pythonText(at.value) ?? at, sourceOf(at), at);
    }
  }

  /** An engine started from the same environment has the same seed; the file's own word goes before. */
  #readHashSeed(): void {
    const variable = 'PYTHONHASHSEED';
    const seed = this.#input.env[variable];
    const spec = keySpec('kvferry', 'python_hash_seed');
    if (seed === undefined || seed === '' || spec === undefined || this.#extension.pythonHashSeed !== undefined) return;
    if (!isHashSeed(seed)) {
      this.#findings.push(
        findings.badHashSeed(this.#variableSubject('extra_config.kvferry.python_hash_seed', variable)),
      );
      return;
    }
    this.#extension = { ...this.#extension, pythonHashSeed: seed };
    this.#set('kvferry', spec, seed, { kind: 'environment', variable }, textNode(seed));
  }

  #take(
    level: 'top' | 'extra',
    spec: KeySpec,
    node: PyNode,
    source: ConfigSource,
    quiet: readonly ConversionNote['kind'][] = [],
  ): void {
    const at = this.#subject(LEVEL_PREFIX[level] + spec.key, node, source);
    const conversion = level === 'top' ? convertTopLevel(spec.type, node) : convertExtra(spec.type, node);
    if (conversion.status === 'failed') {
      this.#takeFailed(spec, conversion, at);
      return;
    }
    if (conversion.note !== undefined && !quiet.includes(conversion.note.kind)) {
      this.#findings.push(noteFinding(conversion.note, at));
    }
    this.#set(level, spec, conversion.value, source, node);
  }

  #takeFailed(spec: KeySpec, conversion: Conversion, at: Subject): void {
    if (conversion.status !== 'failed') return;
    const { expected } = conversion;
    // What is known to work is the best example.
    const example = spec.default === null ? conversion.example : shownValue(spec.default);
    if (at.key === 'extra_config') this.#findings.push(findings.notExtraConfig(at));
    else if (at.source.kind === 'environment' && !at.key.includes('.')) {
      this.#findings.push(findings.notConvertibleVariable(at, expected, example));
    } else this.#findings.push(findings.notConvertible(at, expected, example));
  }

  #set(level: KeyLevel, spec: KeySpec, value: SettingValue, source: ConfigSource, node: PyNode): void {
    const path = LEVEL_PREFIX[level] + spec.key;
    this.#byPath.set(path, { spec, level, path, value, source, node });
  }

  #variableSubject(key: string, variable: string): Subject {
    return this.#subject(key, textNode(this.#input.env[variable] ?? ''), { kind: 'environment', variable });
  }

  #subject(key: string, node: PyNode, source: ConfigSource): Subject {
    return { key, value: isSecretName(key) ? NOT_SHOWN : writtenValue(key, node, source), source };
  }
}

/** A value for a person to read, as Python writes it. */
export function shownValue(value: SettingValue): string {
  if (value === null) return 'not set';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : value > 0 ? 'inf' : 'nan';
  if (typeof value === 'string') return value === '' ? '""' : withoutCredentials(value);
  if ('written' in value) return '(a map)';
  return JSON.stringify(value);
}

/** Whether two values mean the same; of nothing there are several forms. */
export function isSame(a: SettingValue, b: SettingValue): boolean {
  return shownValue(a) === shownValue(b) || (isNothing(a) && isNothing(b));
}

/** The entries of a map, and none of anything else. */
function mapEntries(value: SettingValue): readonly PyEntry[] {
  return typeof value === 'object' && value !== null && 'written' in value && value.value.kind === 'map'
    ? value.value.entries
    : [];
}

function isNothing(value: SettingValue): boolean {
  return value === null || value === '' || (Array.isArray(value) && value.length === 0);
}

/** Paths of the keys in a map, those of kvferry's own map one by one. */
function pathsOf(value: SettingValue): string[] {
  return mapEntries(value).flatMap(({ key, node }) =>
    key === 'kvferry' && node.value.kind === 'map' ? node.value.entries.map((own) => `kvferry.${own.key}`) : [key],
  );
}

/** Quotes stay where they change the meaning: `"False"` is not `False`. */
function writtenValue(key: string, node: PyNode, source: ConfigSource): string {
  // A text for a whole map may hold secrets anywhere.
  const isMap = key === 'extra_config' || key === 'extra_config.kvferry';
  if (isMap && node.value.kind !== 'map' && node.value.kind !== 'list') return '(text)';
  const text = withoutCredentials(node.written);
  const quoted = source.kind === 'file' && node.style === 'quoted' && resolvePlainScalar(node.written)?.kind !== 'text';
  const inJson = source.kind === 'environment' && key.includes('.') && node.style === 'quoted';
  return quoted || inJson ? JSON.stringify(text) : text;
}

/** A URL may carry a user and a password: all up to the last `@` goes. */
function withoutCredentials(text: string): string {
  return text.replace(/:\/\/\S*@/g, `://${NOT_SHOWN}@`).replace(/^[^/@\s]+:[^/@\s]*@/, `${NOT_SHOWN}@`);
}

function noteFinding(note: ConversionNote, at: Subject): ConfigFinding {
  switch (note.kind) {
    case 'text-for-bool':
      return findings.textForBool(at);
    case 'null-for-bool':
      return findings.nullForBool(at);
    case 'text-is-true':
      return findings.textIsTrue(at);
    case 'read-otherwise':
      return findings.readOtherwise(at, note.taken);
  }
}
