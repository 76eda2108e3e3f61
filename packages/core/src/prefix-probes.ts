/** Up to this many chunks are asked for at once: one round trip more costs 20 to 30 ms on S3, eight requests in flight next to nothing. */
const AT_ONCE = 8;

/**
 * Plans one round of the search for the length of a stored prefix.
 *
 * The length is known to lie from `low` to `high`: the chunks before `low` count as stored, chunk `high` as absent. Returns the
 * indexes to ask for, ascending. `r` rounds of `p` questions tell `(p + 1)^r` lengths apart, so each round cuts the range into the
 * `r`-th root of its lengths. The first chunk is always asked for first (`low` is 0 only then): stores delete the oldest objects first,
 * and without it nothing else counts.
 */
export function prefixProbes(low: number, high: number, roundsLeft: number): number[] {
  const unknown = high - low;
  if (roundsLeft <= 1 || unknown <= AT_ONCE) return Array.from({ length: unknown }, (_, index) => low + index);
  // Chunk 0 splits off one length, 0; the others are cut evenly.
  const from = low === 0 ? 1 : low;
  const lengths = high - from + 1;
  const cut = rootUp(lengths, roundsLeft);
  // As few pieces as leave each small enough for the rounds to come, but always a cut.
  const pieces = Math.max(2, Math.ceil(lengths / cut ** (roundsLeft - 1)));
  const piece = Math.ceil(lengths / pieces);
  const probes = low === 0 ? [0] : [];
  // Probing index i tells lengths up to i from those above it.
  for (let index = from + piece - 1; index < high; index += piece) probes.push(index);
  return probes;
}

/** The smallest whole number whose `degree`-th power reaches `value`. */
function rootUp(value: number, degree: number): number {
  let root = Math.max(1, Math.floor(value ** (1 / degree)));
  while (root ** degree < value) root += 1;
  return root;
}
