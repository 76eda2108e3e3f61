import { type LoadedConfig, NO_FILE } from '../load-config.ts';

/** The line that says something else: where it stands now, and what to write there; `value` undefined: it has to go. */
export function configLine(loaded: LoadedConfig, key: string, value: string | undefined): string {
  const { entries } = loaded;
  const source = entries.find((entry) => entry.key === key)?.source ?? { kind: 'default' };
  const name = key.slice(key.lastIndexOf('.') + 1);
  switch (source.kind) {
    case 'file':
      return `${source.file}:${source.line}: ${value === undefined ? `remove ${name}` : `${name}: ${value}`}`;
    case 'environment':
      return `${source.variable}, in the environment: ${value === undefined ? `remove ${name}` : `${name}: ${value}`}`;
    case 'default':
      return value === undefined ? `remove ${key}` : newLine(loaded, key, value);
  }
}

/** Where something stands, with what is there now. */
export function currentLine({ entries }: LoadedConfig, key: string): string | undefined {
  const entry = entries.find((each) => each.key === key);
  if (entry === undefined) return undefined;
  const { shown, source } = entry;
  const name = key.slice(key.lastIndexOf('.') + 1);
  if (source.kind === 'file') return `${source.file}:${source.line}: ${name}: ${shown}`;
  return source.kind === 'environment' ? `${source.variable}, in the environment` : undefined;
}

/** A key that is not there yet: under the innermost of its maps that is. */
function newLine({ entries, file }: LoadedConfig, key: string, value: string): string {
  const names = key.split('.');
  for (let depth = names.length - 1; depth > 0; depth -= 1) {
    const path = names.slice(0, depth).join('.');
    const source = entries.find((entry) => entry.key === path)?.source;
    if (source === undefined || source.kind === 'default') continue;
    // A variable takes the place of the whole map: what is added to the file below it nobody reads.
    const place = source.kind === 'file' ? `${source.file}:${source.line}` : `${source.variable}, in the environment`;
    return `${place}: add under ${names[depth - 1]}: ${nested(names.slice(depth), value)}`;
  }
  if (file !== NO_FILE) return `add to ${file}: ${nested(names, value)}`;
  const [first = '', ...others] = names;
  const line = others.length === 0 ? `${first}: ${value}` : `add under ${first}: ${nested(others, value)}`;
  return `LMCACHE_${first.toUpperCase()}, in the environment: ${line}`;
}

/** Names inside of each other, as YAML has them on one line. */
function nested([first, ...others]: readonly string[], value: string): string {
  return others.length === 0 ? `${first}: ${value}` : `${first}: { ${nested(others, value)} }`;
}
