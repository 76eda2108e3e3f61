/** Name of a directory bucket, taken apart. */
export type DirectoryBucketName =
  | { readonly status: 'valid'; readonly zone: string }
  /** Reads on behind "a directory bucket's name …". */
  | { readonly status: 'invalid'; readonly problem: string };

/**
 * Reads the name of a directory bucket, `base--zone--x-s3`. The rules are AWS's ("Directory bucket naming rules" in the S3 user guide), without those that
 * only forbid creating new ones; the zone is that of the availability zone, such as `use1-az4`, or of a local zone.
 */
export function readBucketName(name: string): DirectoryBucketName {
  const problem = problemOf(name);
  // What has no problem ends in `--zone--x-s3`.
  return problem === undefined
    ? { status: 'valid', zone: name.split('--').at(-2) ?? '' }
    : { status: 'invalid', problem };
}

function problemOf(name: string): string | undefined {
  if (name.includes('/') || name.includes(':')) return 'is a name alone, without scheme, host or path';
  if (/[A-Z]/.test(name)) return 'is in lower case';
  const odd = /[^a-z0-9-]/.exec(name);
  if (odd !== null) return `has letters, digits and hyphens only, not ${JSON.stringify(odd[0])}`;
  if (!/^[a-z0-9]/.test(name)) return 'begins with a letter or a digit';
  if (!/^.+--[a-z0-9]+(-[a-z0-9]+)+--x-s3$/.test(name)) {
    return 'ends in its zone and --x-s3, as my-bucket--use1-az4--x-s3 does; a bucket without that is a general purpose one';
  }
  if (name.length > 63) return `has at most 63 characters, its ending included; this one has ${name.length}`;
  return undefined;
}
