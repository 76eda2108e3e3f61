/** Bytes without a short period. */
export function pattern(byteLength: number): Buffer {
  const bytes = Buffer.allocUnsafe(byteLength);
  for (let at = 0; at < byteLength; at++) bytes[at] = (at * 31 + (at >> 8) * 7 + (at >> 16)) & 255;
  return bytes;
}
