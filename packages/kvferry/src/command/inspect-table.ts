import { systemText } from '../inspect/group-text.ts';
import type { InspectReport } from '../inspect/inspect-store.ts';
import type { StoredGroup } from '../inspect/stored-group.ts';
import { formatBytes, formatCount, printable } from '../terminal/index.ts';
import { cappedTable } from './capped-table.ts';

/** What lies in a store, a row for each group. */
export function inspectTable({ groups }: InspectReport): string {
  const head = ['written by', 'model', 'world', 'rank', 'dtype', 'objects', 'bytes', 'oldest', 'newest'];
  return cappedTable(head, groups.map(rowOf), [2, 3, 5, 6]);
}

function rowOf(group: StoredGroup): string[] {
  const { bytes, dtype, keyPrefix, model, namespace, newest, objects, oldest, rank, worldSize } = group;
  const name = model ?? (namespace === null ? null : `(namespace ${namespace})`);
  return [
    systemText(group),
    shown(keyPrefix === null ? name : `${keyPrefix}/${name ?? ''}`),
    shown(worldSize),
    shown(rank),
    shown(dtype),
    formatCount(objects),
    formatBytes(bytes),
    timeText(oldest),
    timeText(newest),
  ];
}

function shown(value: string | number | null): string {
  return value === null ? '' : printable(String(value));
}

/** To the minute, in UTC. */
function timeText(time: string | null): string {
  return time === null ? '' : time.slice(0, 16).replace('T', ' ');
}
