import type { Incoming } from './incoming.ts';
import { type ServedObject, writeBody } from './serve-http.ts';

/**
 * Serves bytes without a protocol: a line `bytes index count` is answered with that object's bytes, `count` times over, and nothing
 * around them.
 */
export function serveRaw(
  { socket, receive }: Incoming,
  sliceBytes: number,
  objects: ReadonlyMap<number, readonly ServedObject[]>,
): void {
  let line = '';
  socket.on('error', () => socket.destroy());
  receive((chunk) => {
    line += chunk.toString('latin1');
    if (!line.endsWith('\n')) {
      return;
    }
    const [bytes = 0, index = 0, count = 0] = line.split(' ').map(Number);
    line = '';
    const object = objects.get(bytes)?.[index];
    if (object === undefined) {
      socket.destroy();
      return;
    }
    let left = count;
    const next = (): void => {
      if (left > 0) {
        left -= 1;
        writeBody(socket, undefined, object.body, sliceBytes, next);
      }
    };
    next();
  });
}
