/** Figures as a person reads them. */

const byteUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < byteUnits.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 2 : 1).replace(/\.0$/, '')} ${byteUnits[unit]}`;
}

export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`;
}

export function formatMilliseconds(milliseconds: number): string {
  return milliseconds < 10 ? `${milliseconds.toFixed(1)} ms` : `${Math.round(milliseconds)} ms`;
}

export function formatSeconds(seconds: number): string {
  return seconds < 1 ? formatMilliseconds(seconds * 1000) : `${seconds.toFixed(2)} s`;
}

export function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}

/** Reads `64MiB`, `2 GiB` or a plain number of bytes; `undefined` for anything else. */
export function parseBytes(text: string): number | undefined {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(B|KiB|MiB|GiB|TiB)?\s*$/i.exec(text);
  if (match === null) return undefined;
  const exponent = byteUnits.findIndex((unit) => unit.toLowerCase() === (match[2] ?? 'B').toLowerCase());
  return Math.floor(Number(match[1]) * 1024 ** exponent);
}
