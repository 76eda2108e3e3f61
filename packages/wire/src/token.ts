/** Whether a character may stand in a header name (RFC 9110, section 5.6.2), by its code. */
export function isTokenCode(code: number): boolean {
  return (classes[code] ?? 0) > text;
}

/** Whether a character may stand in a header value (RFC 9110, section 5.5), by its code: tab, visible ASCII, space, and beyond ASCII. */
export function isTextCode(code: number): boolean {
  return (classes[code] ?? 0) > 0;
}

const text = 1;
const token = 2;

const classes = new Uint8Array(256);
classes.fill(text, 0x20, 0x7f);
classes.fill(text, 0x80);
classes[0x09] = text;
for (const character of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
  classes[character.charCodeAt(0)] = token;
}
