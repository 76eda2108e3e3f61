/**
 * Says what is wrong with the name of a general purpose bucket, or `undefined` for a valid one. The rules are AWS's
 * ("General purpose bucket naming rules" in the S3 user guide), without those that only forbid creating new ones.
 */
export function bucketNameProblem(name: string): string | undefined {
  if (name.includes('/') || name.includes(':')) return 'is a name alone, without scheme, host or path';
  if (name.length < 3 || name.length > 63) return `has 3 to 63 characters; this one has ${name.length}`;
  if (/[A-Z]/.test(name)) return 'is in lower case';
  const odd = /[^a-z0-9.-]/.exec(name);
  if (odd !== null) return `has letters, digits, dots and hyphens only, not ${JSON.stringify(odd[0])}`;
  if (!/^[a-z0-9].*[a-z0-9]$/.test(name)) return 'begins and ends with a letter or a digit';
  if (name.includes('..')) return 'has no two dots side by side';
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(name)) return 'does not look like an IP address';
  return undefined;
}
