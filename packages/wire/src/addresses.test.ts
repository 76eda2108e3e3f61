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

/** A book whose resolver knows one answer, and fails from then on. */
function startOutage() {
  let asked = 0;
  const book = new AddressBook(async () => {
    if (asked++ > 0) throw new Error('EAI_AGAIN');
    return known;
  });
  return { book, asked: () => asked };
}

test('a name in use keeps its addresses for as long as nobody can say others, and is asked for every 10 s', async () => {
  const { book, asked } = startOutage();
  await book.find('store.test', 0);
  for (let nowMs = 1_000; nowMs <= 300_000; nowMs += 1_000) {
    expect(book.find('store.test', nowMs)).toBe(known);
    // Lets what was asked fail.
    await new Promise(setImmediate);
  }
  expect(asked()).toBe(31);
});

test('a name that was out of use for a minute is waited for, by all who want it meanwhile', async () => {
  const { book } = startOutage();
  await book.find('store.test', 0);
  const waiting = [book.find('store.test', 60_001), book.find('store.test', 60_002)];
  for (const found of waiting) await expect(found).rejects.toMatchObject({ code: 'DNS' });
});
