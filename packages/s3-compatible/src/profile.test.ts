import { expect, it } from 'vitest';
import { checkProfile, type StoreProfile } from './profile.ts';
import { PROVIDERS } from './providers.ts';

const { profile } = PROVIDERS.minio;

it.each<[object, RegExp]>([
  [{ creat: true }, /has no field creat; did you mean create\?/],
  [{ id: '' }, /\.id is a name/],
  [{ addressing: [] }, /\.addressing lists what the store takes/],
  [{ addressing: ['host'] }, /\.addressing/],
  [{ addressing: 'path' }, /\.addressing/],
  [{ create: 'yes' }, /\.create is true or false/],
  [{ checksum: 'md5' }, /\.checksum is 'crc32c' or 'none'/],
  [{ listing: 'all' }, /\.listing is 'any' or 'folders'/],
  [{ maxPutBytes: 0 }, /\.maxPutBytes is a whole number of bytes of at least 1, not 0/],
  [{ maxKeyBytes: 513 }, /\.maxKeyBytes is a whole number of bytes from 1 to 512, not 513/],
  [{ multipart: true }, /\.multipart is 'none', or an object/],
  [{ multipart: { thresholdBytes: 1, partBytes: 1, fullObjectChecksum: 1 } }, /\.multipart\.fullObjectChecksum/],
  [{ multipart: { thresholdByte: 1 } }, /has no field multipart\.thresholdByte/],
])('a profile with %j is refused, by the name of the field', (change, message) => {
  expect(() => checkProfile({ ...profile, ...change } as StoreProfile)).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) }),
  );
});

it('what is no profile at all is refused', () => {
  expect(() => checkProfile(null as unknown as StoreProfile)).toThrow(
    /`provider` is the name of a provider, or a profile/,
  );
});
