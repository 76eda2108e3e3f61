import * as Plot from '@observablehq/plot';
import type { PeerSummary } from '../../results/summary.ts';
import type { ShownRun } from '../run-data.ts';
import { threeDigits } from '../units.ts';
import type { Figure } from './figure.ts';
import { nameAxis } from './labels.ts';

/** What each client spends on a GiB; `undefined` where none was measured. */
export function peerFigure(runs: readonly ShownRun[]): Figure | undefined {
  const bars = runs.flatMap((run) => run.summary.peers.flatMap((peer) => barOf(run, peer)));
  if (bars.length === 0) return undefined;
  const clients = [...new Set([...bars].sort((a, b) => a.cost - b.cost).map(({ client }) => client))];
  const most = Math.max(...bars.map(({ cost }) => cost));
  return {
    id: 'peers',
    title: 'Clients compared',
    description:
      'CPU seconds that a client’s process spends to read a GiB: the same chunks, in turns, each in a process of its own. × is the median of the rounds’ ratios to kvferry.',
    size: 'half',
    legend: [],
    draw: (width) => {
      const axis = nameAxis(clients, width);
      return {
        height: clients.length * (runs.length === 1 ? 32 : 44) + 56,
        marginLeft: axis.room,
        marginRight: 84,
        marginTop: 8,
        marginBottom: 40,
        x: {
          domain: [0, most],
          label: 'CPU seconds per GiB',
          labelAnchor: 'right',
          labelArrow: 'none',
          ticks: 4,
          tickSize: 0,
          grid: true,
        },
        y: { domain: clients, type: 'band', label: null, tickSize: 0, tickFormat: axis.text, padding: 0.3 },
        marks: [
          ...runs.flatMap((run, index) => {
            const own = bars.filter((bar) => bar.run === run);
            const half = runs.length === 1 ? {} : index === 0 ? { insetBottom: 16 } : { insetTop: 16 };
            const dy = runs.length === 1 ? 0 : index * 16 - 8;
            return [
              Plot.barX(own, {
                y: 'client',
                x: 'cost',
                ...half,
                fill: runs.length > 1 ? run.colour : (bar: Bar) => (bar.client === OURS ? 'var(--blue)' : 'var(--bar)'),
              }),
              Plot.text(own, {
                y: 'client',
                x: 'cost',
                text: 'text',
                textAnchor: 'start',
                dx: 6,
                dy,
                fill: 'var(--ink)',
              }),
            ];
          }),
          Plot.ruleX([0], { stroke: 'var(--axis)' }),
        ],
      };
    },
  };
}

const OURS = 'kvferry';

interface Bar {
  readonly run: ShownRun;
  readonly client: string;
  readonly cost: number;
  readonly text: string;
}

function barOf(run: ShownRun, { client, cpuSecondsPerGiB: cost, cpuRatio }: PeerSummary): Bar[] {
  if (cost === null) return [];
  const ratio = cpuRatio === null || client === OURS ? '' : ` · ×${threeDigits(cpuRatio)}`;
  return [{ run, client, cost, text: `${threeDigits(cost)}${ratio}` }];
}
