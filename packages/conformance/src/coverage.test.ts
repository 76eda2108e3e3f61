import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { cases } from './cases/index.ts';

/** Sentences, or parts of one, that say nothing that a case could see fail. */
const noPromise: readonly string[] = [
  // What a thing is.
  'Options that every call takes.',
  'Options of a call on a batch of items.',
  'This item failed;',
  'The longest key, in bytes of UTF-8: 512, or less where a layer takes a part of it.',
  '`s3`, `file`, `memory`, …',
  'Remote storage for immutable, content-addressed values:',
  'chunks of KV cache.',
  'This interface is the contract;',
  'what an author writes is a {@link BackendDriver}, and `defineBackend` makes this of it.',
  // Said again, with cases, where batches are described.
  'others of the same batch stand.',
  // What the caller promises.
  'Values are immutable:',
  'whoever writes a key again writes the same bytes.',
  // No case can lay an object whose name is no key: the way past the backend goes by keys too.
  'Objects in the namespace whose names are not valid keys are passed over.',
];

const folded = (text: string): string => text.replaceAll('*', ' ').replace(/\s+/g, ' ').trim();

/** The parts of the comments' sentences, cut where one ends or turns. Single words are no promise. */
function sentencesOf(source: string): string[] {
  const comments = [...source.matchAll(/\/\*\*(.*?)\*\//gs)].map(([, comment = '']) => folded(comment));
  return comments.flatMap((comment) => comment.split(/(?<=[.:;]) (?=[A-Z`a-z])/)).filter((part) => part.length >= 12);
}

test('every promise of the interface has a case, but for those named here', () => {
  const source = readFileSync(new URL('../../core/src/backend.ts', import.meta.url), 'utf8');
  const covered = cases.map(({ sentence }) => folded(sentence));
  const open = sentencesOf(source).filter(
    (part) => !covered.some((sentence) => sentence.includes(part) || part.includes(sentence)),
  );
  expect(open.filter((part) => !noPromise.includes(part))).toEqual([]);
  // What has a case by now, or is not said any more, does not stay in the list.
  expect(noPromise.filter((part) => !open.includes(part))).toEqual([]);
});
