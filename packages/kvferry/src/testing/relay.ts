import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** A port in front of another that can vanish and come back, as a store does whose machine is restarted. Ends with the test. */
export interface Relay {
  readonly port: number;
  /** Closes the port and every connection. */
  vanish(): Promise<void>;
  /** Listens on the same port again. */
  comeBack(): Promise<void>;
}

export async function startRelay(targetPort: number): Promise<Relay> {
  const sockets = new Set<Socket>();
  let server: Server = createServer();
  /** Passes on what comes, and the end of it, however it ends. */
  const join = (socket: Socket, other: Socket): void => {
    sockets.add(socket);
    socket.pipe(other);
    socket.on('error', () => other.resetAndDestroy());
    socket.on('close', () => {
      sockets.delete(socket);
      other.destroy();
    });
  };
  const listen = async (port: number): Promise<void> => {
    server = createServer((near) => {
      const far = connect(targetPort, '127.0.0.1');
      join(near, far);
      join(far, near);
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  };
  const vanish = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  await listen(0);
  onTestFinished(vanish);
  const { port } = server.address() as AddressInfo;
  return { port, vanish, comeBack: () => listen(port) };
}
