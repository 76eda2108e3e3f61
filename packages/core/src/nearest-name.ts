/** The candidate that a misspelt name most likely means, or `undefined` where none is close. */
export function nearestName(name: string, candidates: Iterable<string>): string | undefined {
  const wanted = normal(name);
  // One slip in short names, two in most: `cache_policy` and `chunk_size` are 6 apart.
  let best = Math.max(1, Math.floor(wanted.length / 5)) + 1;
  let nearest: string | undefined;
  for (const candidate of candidates) {
    // What was left off at the end, such as a unit.
    if (wanted.length >= 3 && normal(candidate).startsWith(wanted)) return candidate;
    const distance = editDistance(wanted, normal(candidate), best);
    if (distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

function normal(name: string): string {
  return name.trim().toLowerCase().replaceAll(/[-. ]/g, '_');
}

/** Insertions, deletions, replacements and swaps of neighbours that make `b` of `a`; anything from `limit` on means too many. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, (beforeLast[j - 2] ?? 0) + 1);
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] ?? limit;
}
