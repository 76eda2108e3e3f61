import { expect, test } from 'vitest';
import { AddressBook } from './addresses.ts';
import type { ResolvedAddress } from './types.ts';

const known: readonly ResolvedAddress[] = [{ address: '127.0.0.1', family: 4 }];

test('a name is asked for again where asking threw at once', async () => {
  let asked = 0;
  const book = new AddressBook(() => {
    if (asked++ === 0) throw new Error('not now');
    return Promise.resolve(known);
  });
  await expect(book.find('store.test', 0)).rejects.toMatchObject({ code: 'DNS' });
  expect(await book.find('store.test', 1)).toBe(known);
});
