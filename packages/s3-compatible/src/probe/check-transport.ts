import type { SignedRequests } from '@kvferry/s3-protocol';
import type { Check } from './check.ts';

/** TLS, and what is spoken over it to a client that offers HTTP/2. `openPreferring` opens a way that does, which is closed with the probe. */
export function transportCheck(scheme: 'http' | 'https', openPreferring: () => Promise<SignedRequests>): Check {
  return {
    subjects: ['tls', 'protocol.h2'],
    async run(bench) {
      if (scheme === 'http') {
        bench.note('tls', 'unknown', 'not tried: the endpoint is http');
        bench.note('protocol.h2', 'unknown', 'not tried: HTTP/2 is offered over TLS alone, and the endpoint is http');
        return;
      }
      bench.note('tls', 'yes', 'the endpoint is https, and its certificate is trusted');
      const way = await openPreferring();
      const key = bench.trial.key('absent');
      const { protocol } = await bench.trial.send(way, { operation: 'get', method: 'GET', key });
      bench.note('protocol.h2', protocol === 'h2' ? 'yes' : 'no', `offered h2 and http/1.1, it chose ${protocol}`);
    },
  };
}
