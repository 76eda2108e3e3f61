import { formatCount, plainTable } from '../terminal/index.ts';

/** Rows beyond these many are for `--json`. */
const MOST_ROWS = 60;

/** A table of what may be long: its first rows, and how many more there are. */
export function cappedTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): string {
  const table = plainTable(head, rows.slice(0, MOST_ROWS), right);
  const left = rows.length - MOST_ROWS;
  return left > 0 ? `${table}\n… and ${formatCount(left)} more rows; --json has all` : table;
}
