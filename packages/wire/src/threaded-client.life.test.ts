import { describe, expect, test } from 'vitest';
import { collectGarbage } from './collect-garbage.ts';
import { makeAuthority, makeCertificate } from './testing/certificates.ts';
import { openThreadedClient, shared, watchThreads } from './testing/io-threads.ts';
import { failureOf, get, originOf, put } from './testing/open-client.ts';
import { type RawServer, type Script, startRawServer } from './testing/raw-server.ts';
import { runProgram } from './testing/run-program.ts';

/** More than the kernel holds between two ends of a connection. */
const length = 8 << 20;

const ones = new Uint8Array(length).fill(1);

/** Answers with ones. */
const answer: Script = async (peer) => {
  await peer.request();
  await peer.answer(ones);
};

/** Answers with the beginning of a body, and nothing more. */
const stall: Script = async (peer) => {
  await peer.request();
  await peer.send(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`);
  await peer.send(ones.subarray(0, 100_000));
};

describe('an abort in the middle of a body settles when its memory is quiet', () => {
  test.each([
    ['http', 20],
    ['https', 10],
  ] as const)('%s, %i times', async (scheme, trials) => {
    const authority = await makeAuthority('abort');
    const certificate = await makeCertificate(authority, { ip: ['127.0.0.1'] });
    let reached = 0;
    let gate = Promise.withResolvers<void>();
    let sent: Promise<void>[] = [];
    const server = await startRawServer(
      async (peer) => {
        for (;;) {
          await peer.request();
          await peer.send(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`);
          await peer.send(ones.subarray(0, reached + 1));
          await gate.promise;
          sent.push(Promise.race([peer.send(ones.subarray(reached + 1)), peer.left]));
        }
      },
      scheme === 'https' ? { certificate } : {},
    );
    const client = await openThreadedClient({ ca: authority.cert });
    const into = [shared(length), shared(length)];
    for (let trial = 0; trial < trials; trial++) {
      reached = (trial % 10) * 150_000;
      gate = Promise.withResolvers();
      sent = [];
      const controller = new AbortController();
      const { signal } = controller;
      const failures = into.map((bytes) =>
        failureOf(client.request(get(originOf(server, scheme), { into: bytes.fill(0), signal }))),
      );
      await until(() => into.every((bytes) => bytes[reached] === 1));
      gate.resolve();
      // The server has heard of it first: the rest is in the kernel, and the threads are reading it.
      await gate.promise;
      controller.abort();
      expect((await Promise.all(failures)).map(({ code }) => code)).toEqual(['ABORTED', 'ABORTED']);
      for (const bytes of into) bytes.fill(7);
      await Promise.all(sent);
      expect(into.every((bytes) => isFilledWith(bytes, 7))).toBe(true);
    }
    // A thread may have had the whole body before it heard of the abort. Most had not: theirs cost a connection each.
    expect(client.stats.connectionsOpened).toBeGreaterThan(trials / 2);
  });

  test('of an upload too', async () => {
    const controller = new AbortController();
    const server = await startRawServer(async (peer) => {
      await peer.head();
      controller.abort();
    });
    const client = await openThreadedClient();
    const upload = client.request(put(originOf(server), [shared(64 << 20)], { signal: controller.signal }));
    expect([(await failureOf(upload)).code, client.stats.openConnections]).toEqual(['ABORTED', 0]);
  });
});

test('an abort before its thread has started sends nothing', async () => {
  const server = await startRawServer(answer);
  const client = await openThreadedClient();
  const controller = new AbortController();
  const request = client.request(get(originOf(server), { into: shared(length), signal: controller.signal }));
  controller.abort('why');
  expect(await failureOf(request)).toMatchObject({ code: 'ABORTED', cause: 'why' });
  const earlier = AbortSignal.abort('before');
  const refused = client.request(get(originOf(server), { into: shared(length), signal: earlier }));
  expect(await failureOf(refused)).toMatchObject({ code: 'ABORTED', cause: 'before' });
  await client.close();
  expect(server.peers.length).toBe(0);
});

describe('a thread that dies', () => {
  test('fails its requests with RESET, their memory quiet, and is replaced with the next', async () => {
    let script = stall;
    const server = await startRawServer((peer) => script(peer));
    const threads = watchThreads();
    const client = await openThreadedClient({ ioThreads: 1 });
    const into = [shared(length), shared(length)];
    const requests = into.map((bytes) => failureOf(client.request(get(originOf(server), { into: bytes }))));
    await until(() => into.every((bytes) => bytes[0] === 1));
    void threads[0]?.terminate();
    expect((await Promise.all(requests)).map(({ code }) => code)).toEqual(['RESET', 'RESET']);
    for (const bytes of into) bytes.fill(7);
    await Promise.all(server.peers.map(({ left }) => left));
    expect(into.every((bytes) => isFilledWith(bytes, 7))).toBe(true);
    expect(client.stats).toMatchObject({ openConnections: 0, requestsInFlight: 0, connectionsOpened: 2 });

    script = answer;
    expect((await client.request(get(originOf(server), { into: shared(length) }))).bodyBytes).toBe(length);
    expect([threads.length, client.stats.connectionsOpened]).toEqual([2, 3]);
  });

  test.each([
    ['before it has started', 'data:text/javascript,throw new Error("no such luck")', 'no such luck'],
    ['for want of its digests', 'data:text/javascript,export const other = 1', 'has no export `loadDigests`'],
  ])('%s makes the request INVALID, and says the way out', async (_title, digestModule, reason) => {
    const server = await startRawServer(answer);
    const client = await openThreadedClient({ digestModule });
    const failure = await failureOf(client.request(get(originOf(server), { into: shared(length) })));
    expect(failure).toMatchObject({ code: 'INVALID', message: expect.stringContaining('`ioThreads: 0`') });
    expect(failure.message).toContain(reason);
  });
});

describe('close', () => {
  test('ends what is in flight with CLOSED, and is done when every thread has ended', async () => {
    const server = await startRawServer(stall);
    const threads = watchThreads();
    const client = await openThreadedClient();
    const [one, two] = [shared(length), shared(length)];
    const requests = [
      failureOf(client.request(get(originOf(server), { into: one }))),
      failureOf(client.request(get(originOf(server), { into: two }))),
      failureOf(client.request(get(originOf(server), { into: new Uint8Array(length) }))),
    ];
    await until(() => one[0] === 1 && two[0] === 1);
    await Promise.all([client.close(), client.close()]);
    expect(threads.map(({ threadId }) => threadId)).toEqual([-1, -1]);
    expect((await Promise.all(requests)).map(({ code }) => code)).toEqual(['CLOSED', 'CLOSED', 'CLOSED']);
    expect(client.stats).toMatchObject({ openConnections: 0, idleConnections: 0, requestsInFlight: 0 });
    const late = client.request(get(originOf(server), { into: one }));
    expect((await failureOf(late)).code).toBe('CLOSED');
    expect(threads.length).toBe(2);
  });

  test('ends a thread that is still starting, and whatever waits for it', async () => {
    const threads = watchThreads();
    const client = await openThreadedClient();
    const origin = { scheme: 'http', host: '127.0.0.1', port: 1 } as const;
    const failure = failureOf(client.request(get(origin, { into: shared(1) })));
    await client.close();
    expect((await failure).code).toBe('CLOSED');
    expect(threads.map(({ threadId }) => threadId)).toEqual([-1]);
  });

  test('many clients come and go', async () => {
    const server = await startRawServer(answer);
    for (let round = 0; round < 6; round++) {
      const client = await openThreadedClient({ ioThreads: 1 });
      const into = shared(length);
      await client.request(get(originOf(server), { into, digest: 'crc32' }));
      await client.close();
      expect(isFilledWith(into, 1)).toBe(true);
    }
  });
});

describe('a process', () => {
  // Run as standard input is: `--input-type` must not reach the threads.
  test('ends by itself with idle threads', async () => {
    const server = await startRawServer(answer);
    const program = `
      const response = await client.request({ ...request, into: new Uint8Array(new SharedArrayBuffer(${length})) });
      process.stdout.write(response.status + ' ' + client.stats.idleConnections);
    `;
    expect(await run(server, program)).toEqual([0, `200 1`]);
  });

  test('does not end while a thread is busy', async () => {
    const server = await startRawServer(answer);
    const program = `
      const into = new Uint8Array(new SharedArrayBuffer(${length}));
      // Nothing but the thread holds the process: no promise does.
      client.request({ ...request, into }).then((response) => process.stdout.write(response.status + ' ' + into.at(-1)));
    `;
    expect(await run(server, program)).toEqual([0, '200 1']);
  });
});

test('memory that the caller lets go of is not held by the threads', async () => {
  const server = await startRawServer(async (peer) => {
    for (;;) {
      await peer.request();
      await peer.answer('small');
    }
  });
  const client = await openThreadedClient();
  const before = process.memoryUsage().rss;
  let most = 0;
  // 1 GiB, 32 MiB at a time.
  for (let round = 0; round < 32; round++) {
    const into = shared(32 << 20).fill(1);
    await client.request(get(originOf(server), { into }));
    collectGarbage();
    // Where what was collected is told, and what was told is read.
    for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
    most = Math.max(most, process.memoryUsage().rss - before);
  }
  expect(most).toBeLessThan(400 << 20);
});

/** Exit code and standard output of a program that has a client with threads. */
function run(server: RawServer, program: string): Promise<[code: unknown, said: string]> {
  return runProgram(`
    import { createWireClient } from ${JSON.stringify(new URL('./client.ts', import.meta.url).href)};
    const client = createWireClient({ ioThreads: 2, idleMs: 600_000 });
    const origin = { scheme: 'http', host: '127.0.0.1', port: ${server.port} };
    const request = { origin, method: 'GET', path: '/', headers: [] };
    ${program}
  `);
}

/** A hundred times quicker than a look at each byte. */
function isFilledWith(bytes: Uint8Array, value: number): boolean {
  return Buffer.compare(bytes, Buffer.alloc(bytes.length, value)) === 0;
}

/** Waits until something is so; the test's own time limit ends it otherwise. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate);
}
