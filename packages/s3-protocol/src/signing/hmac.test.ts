import { createHmac, randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { HmacKey } from './hmac.ts';

test.each([0, 1, 32, 63, 64, 65, 200])(
  'with a key of %d bytes it is what node:crypto makes, for messages of any length',
  (keyBytes) => {
    const key = randomBytes(keyBytes);
    const ours = new HmacKey(key);
    // Longer and shorter in turn: nothing of an earlier message may be left.
    for (const length of [0, 1, 55, 56, 64, 1000, 3, 320, 256, 5000, 191, 0]) {
      const message = 'abc/-'.repeat(length).slice(0, length);
      expect(ours.hex(message)).toBe(createHmac('sha256', key).update(message).digest('hex'));
    }
  },
);
