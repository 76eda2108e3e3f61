/** The bytes from `start` to `end` (exclusive) of a gather list, as a gather list of views: nothing is copied. */
export function sliceParts(parts: readonly Uint8Array[], start: number, end: number): Uint8Array[] {
  const slices: Uint8Array[] = [];
  let base = 0;
  for (const part of parts) {
    const from = Math.max(start - base, 0);
    const to = Math.min(end - base, part.byteLength);
    if (from < to) slices.push(part.subarray(from, to));
    base += part.byteLength;
    if (base >= end) break;
  }
  return slices;
}
