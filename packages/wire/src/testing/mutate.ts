/** Numbers that look random and are the same for the same seed (Mulberry32). */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 to `sides - 1`. */
  roll(sides: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * sides);
  }

  pick<Item>(items: readonly Item[]): Item {
    const item = items[this.roll(items.length)];
    if (item === undefined) throw new Error('there is nothing to pick from');
    return item;
  }
}

/** Changes one to four things in `stream`: bytes, runs, whole pieces of protocol, or splices in a part of another stream. */
export function mutate(dice: Dice, stream: Buffer, others: readonly Buffer[]): Buffer {
  let mutated = stream;
  for (let left = 1 + dice.roll(4); left > 0; left--) mutated = mutateOnce(dice, mutated, others);
  return mutated;
}

function mutateOnce(dice: Dice, stream: Buffer, others: readonly Buffer[]): Buffer {
  // Most of what is worth changing stands in the first kilobyte, whatever the length of the body.
  const at = dice.roll(dice.roll(4) === 0 ? stream.length + 1 : Math.min(stream.length + 1, 1024));
  const run = 1 + dice.roll(dice.roll(8) === 0 ? 64 : 4);
  switch (dice.roll(8)) {
    case 0:
      return replaced(stream, at, at + 1, Buffer.of(dice.roll(256)));
    case 1:
      return replaced(stream, at, at + 1, Buffer.of((stream[at] ?? 0) ^ (1 << dice.roll(8))));
    case 2:
      return replaced(stream, at, at + run, nothing);
    case 3:
      return replaced(stream, at, at, stream.subarray(at, at + run));
    case 4:
      return stream.subarray(0, at);
    case 5: {
      const other = dice.pick(others);
      const start = dice.roll(other.length);
      return replaced(stream, at, at + dice.roll(2) * run, other.subarray(start, start + 1 + dice.roll(64)));
    }
    default:
      return replaced(stream, at, at + dice.roll(2) * run, dice.pick(pieces));
  }
}

function replaced(stream: Buffer, start: number, end: number, by: Uint8Array): Buffer {
  return Buffer.concat([stream.subarray(0, start), by, stream.subarray(Math.min(end, stream.length))]);
}

const nothing = Buffer.alloc(0);

const pieces: readonly Buffer[] = [
  '\r\n',
  '\r\n\r\n',
  '\n',
  '\r',
  '\0',
  ' ',
  '\t',
  ':',
  ';',
  ',',
  '-',
  '+',
  '0',
  '0x',
  'f',
  'ffffffff',
  '99999999999999999999',
  '\r\n ',
  '\r\n0\r\n\r\n',
  '0\r\n',
  'HTTP/1.1 100 Continue\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc',
  'HTTP/1.0 ',
  'Content-Length: 5\r\n',
  'Content-Length: 0\r\n',
  'content-length:7\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding: gzip\r\n',
  'Connection: close\r\n',
  'Connection: keep-alive\r\n',
  '204',
  '304',
  '199',
  '\xff',
].map((latin1) => Buffer.from(latin1, 'latin1'));
