import { formatCount, formatMilliseconds, formatSeconds } from 'kvferry/terminal';

/**
 * Units of a report. Rates are decimal (GB/s, 10⁹ bytes per second), as networks and stores are sold. Sizes are binary (MiB, GiB), as chunks and memory are, and so
 * is CPU per GiB.
 */

/** A rate, such as `2.41 GB/s`. */
export function rateText(bytesPerSecond: number): string {
  const unit = rateUnit(bytesPerSecond);
  return `${unit.text(bytesPerSecond)} ${unit.name}`;
}

/** A unit for rates, and how a rate is written in it. */
export interface RateUnit {
  readonly name: 'GB/s' | 'MB/s';
  readonly bytes: number;
  text(bytesPerSecond: number): string;
}

/** The unit for rates of which this is the largest. */
export function rateUnit(largestBytesPerSecond: number): RateUnit {
  const [name, bytes] = largestBytesPerSecond >= 1e9 ? (['GB/s', 1e9] as const) : (['MB/s', 1e6] as const);
  return { name, bytes, text: (bytesPerSecond) => threeDigits(bytesPerSecond / bytes) };
}

/** Milliseconds with their unit; from ten seconds on in seconds. */
export function durationText(milliseconds: number): string {
  return milliseconds < 10_000 ? formatMilliseconds(milliseconds) : formatSeconds(milliseconds / 1000);
}

/** Milliseconds for a column that names the unit. */
export function millisecondsText(milliseconds: number): string {
  return milliseconds < 10 ? milliseconds.toFixed(1) : formatCount(Math.round(milliseconds));
}

/** Seconds of any size, to two digits below ten. */
export function secondsText(seconds: number): string {
  return seconds < 1 ? formatMilliseconds(seconds * 1000) : `${threeDigits(seconds)} s`;
}

/** A number to three digits, as `0.65`, `2.41`, `24.6` or `246`. */
export function threeDigits(value: number): string {
  if (value >= 100) return formatCount(Math.round(value));
  return value.toFixed(value >= 10 ? 1 : 2);
}

export function percentText(share: number): string {
  return `${Math.round(share * 100)} %`;
}

/** Dollars to two digits that say something, so that a hundredth of a cent is not nothing. */
export function dollarsText(dollars: number): string {
  if (dollars === 0) return '$0';
  if (dollars >= 1000) return `$${formatCount(Math.round(dollars))}`;
  if (dollars >= 0.1) return `$${dollars.toFixed(2)}`;
  return `$${dollars.toFixed(Math.min(12, 1 - Math.floor(Math.log10(dollars))))}`;
}

/** `29 July 2026, 09:30 UTC` of an ISO date. */
export function dateText(iso: string): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return iso;
  const day = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' }).format(date);
  return `${day}, ${date.toISOString().slice(11, 16)} UTC`;
}
