import type { Incoming } from './incoming.ts';
import { type ServedObject, writeBody } from './serve-http.ts';

/**
 * Serves bytes without a protocol: a line `bytes index` is answered with that object's bytes, and nothing around them.
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
    const [bytes = 0, index = 0] = line.split(' ').map(Number);
    line = '';
    const object = objects.get(bytes)?.[index];
    if (object === undefined) {
      socket.destroy();
      return;
    }
    writeBody(socket, undefined, object.body, sliceBytes, () => {});
  });
}
