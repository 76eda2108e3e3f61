import type { Socket } from 'node:net';
import net from 'node:net';

/** A connection as the server sees it. */
export interface Incoming {
  /** For writing. */
  readonly socket: Socket;
  /** Gives the bytes that come, in memory that is the handler's only until it returns. Called once. */
  receive(handler: (bytes: Buffer) => void): void;
}

/** A connection read by events, each with memory of its own: the only way into a TLS socket that a server accepted. */
export function readByEvents(socket: Socket): Incoming {
  return { socket, receive: (handler) => socket.on('data', handler) };
}

/**
 * A connection read into one piece of memory, over and over. Receiving uploads by events costs this process 0.8–1.0 CPU s/GiB, so that it, and
 * not the client, sets the pace; this way 0.2–0.3. Node lends memory only to sockets that connect, not to those accepted, so the connection
 * moves to a socket of that kind. Where a future Node keeps its handle to itself, events do.
 */
export function readIntoScratch(accepted: Socket): Incoming {
  const { _handle: handle } = accepted as { _handle?: unknown };
  if (typeof handle !== 'object' || handle === null) {
    accepted.resume();
    return readByEvents(accepted);
  }
  (accepted as { _handle?: unknown })._handle = null;
  let take: (bytes: Buffer) => void = () => {};
  const onread: net.OnReadOpts = {
    buffer: scratch,
    callback: (byteLength) => {
      take(scratch.subarray(0, byteLength));
      return true;
    },
  };
  const socket = new net.Socket({ handle, onread } as net.SocketConstructorOpts);
  return {
    socket,
    receive: (handler) => {
      take = handler;
      socket.resume();
    },
  };
}

const scratch: Buffer = Buffer.alloc(256 * 1024);
