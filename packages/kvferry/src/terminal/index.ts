export { formatBytes, formatCount, formatMilliseconds, formatRate, formatSeconds, parseBytes } from './format.ts';
export { outliveOutput } from './outlive-output.ts';
export { printable } from './printable.ts';
export { Progress } from './progress.ts';
export { collectSet } from './set-flag.ts';
export { plainTable } from './table.ts';
export { wholeNumber } from './whole-number.ts';
