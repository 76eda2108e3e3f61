import { randomBytes } from 'node:crypto';
import { type SignedAnswer, xmlField } from '@kvferry/s3-protocol';
import type { Bench, Check } from './check.ts';
import { namesListed, queryOf } from './trial.ts';

/** Written in this order. In order of bytes capitals come first. */
const NAMES = ['zeta', 'alpha', 'Alpha', 'alpha-2', 'folder/one'];

/** What a listing takes as its prefix, and in which order and pages it answers. */
export const listCheck: Check = {
  subjects: ['list.prefix', 'list.order', 'list.pages'],
  async run(bench) {
    const folder = bench.trial.key('list/');
    for (const name of NAMES) await bench.lay(`list/${name}`, randomBytes(16));
    const all = namesListed(await list(bench, { prefix: folder }));
    const own = NAMES.map((name) => folder + name).toSorted(byBytes);
    if (all.toSorted(byBytes).join() !== own.join()) {
      throw new Error(`of ${own.length} keys just written, a listing has ${all.length}`);
    }
    if (all.join() === own.join()) bench.note('list.order', 'yes', 'names come in order of their bytes');
    else bench.note('list.order', 'no', 'names come in another order than that of their bytes');

    await tryPrefix(bench, folder);
    await tryPages(bench, folder, own);
  },
};

async function tryPrefix(bench: Bench, folder: string): Promise<void> {
  const expected = [`${folder}alpha`, `${folder}alpha-2`].join();
  let seen: string;
  try {
    const some = namesListed(await list(bench, { prefix: `${folder}al` }));
    if (some.toSorted(byBytes).join() === expected) {
      bench.note('list.prefix', 'yes', 'a prefix may end in the middle of a name');
      bench.learned.listing = 'any';
      return;
    }
    seen = `a prefix that ends in the middle of a name lists ${some.length} keys, where 2 begin with it`;
  } catch (thrown) {
    seen = `a prefix that ends in the middle of a name is refused: ${(thrown as Error).message}`;
  }
  bench.note('list.prefix', 'no', seen);
  bench.learned.listing = 'folders';
}

async function tryPages(bench: Bench, folder: string, own: readonly string[]): Promise<void> {
  const names: string[] = [];
  let token: string | undefined;
  let pages = 0;
  do {
    const answer = await list(bench, { prefix: folder, 'max-keys': '2', 'continuation-token': token });
    names.push(...namesListed(answer));
    token = xmlField(new TextDecoder().decode(answer.body), 'NextContinuationToken');
    pages += 1;
  } while (token !== undefined && pages <= own.length);
  const isWhole = names.toSorted(byBytes).join() === own.join();
  bench.note(
    'list.pages',
    isWhole && pages > 1 ? 'yes' : 'no',
    `${names.length} of ${own.length} keys in ${pages} pages of 2`,
  );
}

async function list(bench: Bench, parameters: Readonly<Record<string, string | undefined>>): Promise<SignedAnswer> {
  const query = queryOf({ ...parameters, 'encoding-type': 'url', 'list-type': '2' });
  const answer = await bench.trial.send(bench.way, { operation: 'list', method: 'GET', key: '', query });
  if (answer.status !== 200) throw bench.error('list', answer);
  return answer;
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
