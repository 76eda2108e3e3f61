import { expect, it } from 'vitest';
import { takeOut } from './take-out.ts';

it('leaves the others, whichever member goes', () => {
  for (const going of ['a', 'b', 'c']) {
    const list = ['a', 'b', 'c'];
    takeOut(list, going);
    expect(list.sort()).toEqual(['a', 'b', 'c'].filter((each) => each !== going));
  }
});

it('leaves a list as it is that has no such member', () => {
  const list = ['a', 'b'];
  takeOut(list, 'c');
  expect(list).toEqual(['a', 'b']);
  const none: string[] = [];
  takeOut(none, 'a');
  expect(none).toEqual([]);
});
