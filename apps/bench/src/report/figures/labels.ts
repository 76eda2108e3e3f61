import { formatCount } from 'kvferry/terminal';

/** Positions at least `gap` apart, in the order of `positions`, none outside of `from` to `to` where there is room, and moved no further than that needs. */
export function moveApart(positions: readonly number[], gap: number, from: number, to: number): number[] {
  const order = positions.map((_, index) => index).sort((a, b) => (positions[a] ?? 0) - (positions[b] ?? 0));
  const moved = [...positions];
  let least = from;
  for (const index of order) {
    moved[index] = Math.max(least, moved[index] ?? 0);
    least = (moved[index] as number) + gap;
  }
  let most = to;
  for (const index of order.toReversed()) {
    moved[index] = Math.min(most, moved[index] ?? 0);
    most = (moved[index] as number) - gap;
  }
  return moved;
}

/** About the width of a text in the report's figures, in pixels: a font is not known before it is shown, and those of systems are about as wide. */
export function textWidth(text: string): number {
  return text.length * 6.8;
}

/**
 * Ticks of a logarithmic axis that lies on so many pixels: 1, 2 and 5 of each power of ten; where that is too much, the powers alone. More than seven would lose labels: d3
 * keeps those of the powers then, and drops the fives.
 */
export function logTicks(least: number, most: number, pixels: number): number[] {
  const powers = Array.from({ length: 31 }, (_, index) => index - 15);
  const within = (factors: readonly number[]): number[] =>
    powers
      .flatMap((power) => factors.map((factor) => Number(`${factor}e${power}`)))
      .filter((tick) => tick >= least && tick <= most);
  const all = within([1, 2, 5]);
  const narrowestGap = (pixels / Math.log10(most / least)) * Math.log10(2);
  const neededGap = Math.max(0, ...all.map((tick) => textWidth(tickText(tick)))) + 8;
  if (all.length <= 7 && narrowestGap >= neededGap) return all;
  const alone = within([1]);
  return alone.length > 1 ? alone : within([1, 5]);
}

/** An axis that spans less would have no tick: one that spans a factor of five has two at least. */
export function logDomain(values: readonly number[]): [least: number, most: number] {
  const [least, most] = [Math.min(...values) / 1.1, Math.max(...values) * 1.1];
  const wider = Math.sqrt(Math.max(1, 5 / (most / least)));
  return [least / wider, most * wider];
}

/** Room for names beside bars, and the names, cut off where they are longer than that. */
export function nameAxis(
  names: readonly string[],
  width: number,
): { readonly room: number; text(name: string): string } {
  const room = Math.min(Math.max(...names.map(textWidth)) + 12, width * 0.42);
  const letters = Math.floor((room - 12) / textWidth('x') + 1e-9);
  return { room, text: (name) => (name.length <= letters ? name : `${name.slice(0, letters - 1)}…`) };
}

/** A number for an axis, without zeros that say nothing. */
export function tickText(value: number): string {
  return value >= 10_000 ? formatCount(value) : String(Number(value.toPrecision(6)));
}

/** A number of tokens for an axis: `256`, `1k`, `64k`. */
export function tokenTick(tokens: number): string {
  return tokens < 1024 ? String(tokens) : `${Math.round(tokens / 1024)}k`;
}
