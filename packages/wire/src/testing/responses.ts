/** A response as it goes over the wire, and the request it answers. */
export interface SampleResponse {
  readonly title: string;
  readonly method: 'GET' | 'HEAD';
  readonly bytes: Buffer;
}

const chunkedHead = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';

/** Responses that every HTTP/1.1 client reads the same way. */
export const soundResponses: readonly SampleResponse[] = [
  sample('a body of known length', 'GET', 'HTTP/1.1 200 OK\r\nContent-Length: 11\r\nETag: "abc"\r\n\r\nhello world'),
  sample('an empty body', 'GET', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'),
  sample('no reason', 'GET', 'HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok'),
  sample('no reason and no space before it', 'GET', 'HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok'),
  sample('no header at all', 'GET', 'HTTP/1.1 200 OK\r\n\r\nto the end'),
  sample('a body up to the end of the connection', 'GET', 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end'),
  sample('HTTP/1.0', 'GET', 'HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold'),
  sample('HTTP/1.0 up to the end of the connection', 'GET', 'HTTP/1.0 200 OK\r\nServer: x\r\n\r\nold'),
  sample('HTTP/1.0 kept alive', 'GET', 'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nold'),
  sample('chunks', 'GET', `${chunkedHead}5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n`),
  sample('chunks with extensions and zeros', 'GET', `${chunkedHead}0005;name=value\r\nhello\r\n00;last\r\n\r\n`),
  sample('chunks with trailers', 'GET', `${chunkedHead}a\r\n0123456789\r\n0\r\nX-Sum: 1\r\nX-Empty:\r\n\r\n`),
  sample('chunks in capitals', 'GET', `${chunkedHead}A\r\n0123456789\r\n1F\r\n${'z'.repeat(31)}\r\n0\r\n\r\n`),
  sample('no chunk', 'GET', `${chunkedHead}0\r\n\r\n`),
  sample('a HEAD with a length', 'HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 33554432\r\nETag: "abc"\r\n\r\n'),
  sample('a HEAD of chunks', 'HEAD', chunkedHead),
  sample('a HEAD of nothing', 'HEAD', 'HTTP/1.1 404 Not Found\r\n\r\n'),
  sample('204', 'GET', 'HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n'),
  sample('304 with the length it would have', 'GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n'),
  sample('an interim response', 'GET', 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'),
  sample(
    'several interim responses with headers',
    'GET',
    'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  ),
  sample('an error document', 'GET', 'HTTP/1.1 403 Forbidden\r\nContent-Length: 26\r\n\r\n<Error><Code>X</Code></Err'),
  sample(
    'an error document in chunks',
    'GET',
    `${chunkedHead.replace('200 OK', '503 Slow Down')}4\r\nslow\r\n0\r\n\r\n`,
  ),
  sample('blanks around values', 'GET', 'HTTP/1.1 200 OK\r\nA:\t x y \t\r\nB:\r\nC:z\r\nContent-Length:  2 \r\n\r\nok'),
  sample(
    'repeated names',
    'GET',
    'HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\nX-B: 3\r\nX-A: 3\r\nContent-Length: 0\r\n\r\n',
  ),
  sample(
    'every character of a name',
    'GET',
    "HTTP/1.1 200 OK\r\n!#$%&'*+-.^_`|~09AZaz: v\r\nContent-Length: 0\r\n\r\n",
  ),
  sample(
    'bytes beyond ASCII in values',
    'GET',
    'HTTP/1.1 200 Gr\xfc\xdfe\r\nX-A: caf\xe9 \xff\r\nContent-Length: 0\r\n\r\n',
  ),
  sample('a coding in capitals', 'GET', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n'),
  sample(
    'the head of a store',
    'GET',
    [
      'HTTP/1.1 206 Partial Content',
      'x-amz-id-2: eftixk72aD6Ap51TnqcoF8eFidJG9Z/2mkiDFu8yU9AS1ed4OpIszj7UDNEHGran',
      'x-amz-request-id: 318BC8BC148832E5',
      'Date: Mon, 28 Nov 2016 00:00:00 GMT',
      'Content-Range: bytes 0-9/443',
      'Content-Length: 10',
      'Keep-Alive: timeout=5, max=100',
      '',
      '0123456789',
    ].join('\r\n'),
  ),
  sample(
    'a head longer than the scratch',
    'GET',
    `HTTP/1.1 200 OK\r\nX-Long: ${'l'.repeat(17_000)}\r\nContent-Length: 2\r\n\r\nok`,
  ),
  sample('a body longer than the scratch', 'GET', `HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n${text(20_000)}`),
  sample('a chunk longer than the scratch', 'GET', `${chunkedHead}4e20\r\n${text(20_000)}\r\n3\r\nend\r\n0\r\n\r\n`),
];

/** What no client may take for a response: each with what makes it so. */
export const unsoundResponses: readonly SampleResponse[] = [
  sample('two lengths', 'GET', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'),
  sample('one length twice', 'GET', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab'),
  sample('a list of lengths', 'GET', 'HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nab'),
  sample('a length with a sign', 'GET', 'HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nab'),
  sample('a negative length', 'GET', 'HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nab'),
  sample('a hexadecimal length', 'GET', 'HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\nab'),
  sample('a length with a space inside', 'GET', 'HTTP/1.1 200 OK\r\nContent-Length: 2 2\r\n\r\nab'),
  sample('an empty length', 'GET', 'HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nab'),
  sample('a length out of all measure', 'GET', `HTTP/1.1 200 OK\r\nContent-Length: ${'9'.repeat(20)}\r\n\r\nab`),
  sample(
    'a length beside chunks',
    'GET',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n',
  ),
  sample(
    'chunks beside a length',
    'GET',
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ),
  sample(
    'a length beside chunks on HEAD',
    'HEAD',
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n',
  ),
  sample('another coding', 'GET', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n'),
  sample('another coding before chunks', 'GET', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'),
  sample('chunks twice over', 'GET', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n'),
  sample('the identity coding', 'GET', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n'),
  sample('a disguised coding', 'GET', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n'),
  sample('chunks in HTTP/1.0', 'GET', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'),
  sample('a chunk size that is none', 'GET', `${chunkedHead}g\r\nx\r\n0\r\n\r\n`),
  sample('an empty chunk size', 'GET', `${chunkedHead}\r\nx\r\n0\r\n\r\n`),
  sample('a chunk size with a sign', 'GET', `${chunkedHead}+1\r\nx\r\n0\r\n\r\n`),
  sample('a chunk size with a prefix', 'GET', `${chunkedHead}0x1\r\nx\r\n0\r\n\r\n`),
  sample('a chunk size behind a space', 'GET', `${chunkedHead} 1\r\nx\r\n0\r\n\r\n`),
  sample('a chunk size before a space', 'GET', `${chunkedHead}1 \r\nx\r\n0\r\n\r\n`),
  sample('a chunk size out of all measure', 'GET', `${chunkedHead}${'f'.repeat(17)}\r\nx`),
  sample('a chunk size line without end', 'GET', `${chunkedHead}1;${'e'.repeat(2_000)}\r\nx\r\n0\r\n\r\n`),
  sample('a chunk size ended by LF', 'GET', `${chunkedHead}1\nx\r\n0\r\n\r\n`),
  sample('a chunk size ended by CR', 'GET', `${chunkedHead}1\rx\r\n0\r\n\r\n`),
  sample('an extension with a bare LF', 'GET', `${chunkedHead}1;a\nb\r\nx\r\n0\r\n\r\n`),
  sample('a chunk longer than its size', 'GET', `${chunkedHead}1\r\nxy\r\n0\r\n\r\n`),
  sample('a chunk ended by LF', 'GET', `${chunkedHead}1\r\nx\n0\r\n\r\n`),
  sample('a chunk ended by CR', 'GET', `${chunkedHead}1\r\nx\r0\r\n\r\n`),
  sample('a trailer without name', 'GET', `${chunkedHead}0\r\n: x\r\n\r\n`),
  sample('a trailer without colon', 'GET', `${chunkedHead}0\r\nname\r\n\r\n`),
  sample('a folded trailer', 'GET', `${chunkedHead}0\r\nA: b\r\n c\r\n\r\n`),
  sample('a trailer ended by LF', 'GET', `${chunkedHead}0\r\nA: b\n\r\n`),
  sample('trailers without end', 'GET', `${chunkedHead}0\r\nA: ${'b'.repeat(70_000)}\r\n\r\n`),
  sample('a folded header', 'GET', 'HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n'),
  sample('a header folded by a tab', 'GET', 'HTTP/1.1 200 OK\r\nA: b\r\n\tc\r\nContent-Length: 0\r\n\r\n'),
  sample('a space before the colon', 'GET', 'HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n'),
  sample('a header without name', 'GET', 'HTTP/1.1 200 OK\r\n: x\r\nContent-Length: 0\r\n\r\n'),
  sample('a header without colon', 'GET', 'HTTP/1.1 200 OK\r\nContent-Length\r\n\r\n'),
  sample('a header name with a bracket', 'GET', 'HTTP/1.1 200 OK\r\nA(b): x\r\nContent-Length: 0\r\n\r\n'),
  sample('a header name beyond ASCII', 'GET', 'HTTP/1.1 200 OK\r\n\xe9: x\r\nContent-Length: 0\r\n\r\n'),
  sample('a blank before the first header', 'GET', 'HTTP/1.1 200 OK\r\n A: x\r\nContent-Length: 0\r\n\r\n'),
  sample('NUL in a value', 'GET', 'HTTP/1.1 200 OK\r\nA: x\0y\r\nContent-Length: 0\r\n\r\n'),
  sample('a bare CR in a value', 'GET', 'HTTP/1.1 200 OK\r\nA: x\ry\r\nContent-Length: 0\r\n\r\n'),
  sample('a bare LF in a value', 'GET', 'HTTP/1.1 200 OK\r\nA: x\nContent-Length: 0\r\n\r\n'),
  sample('CR CR LF', 'GET', 'HTTP/1.1 200 OK\r\nA: x\r\r\nContent-Length: 0\r\n\r\n'),
  sample('LF alone everywhere', 'GET', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n'),
  sample('a line before the first', 'GET', '\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'),
  sample('two digits', 'GET', 'HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n'),
  sample('four digits', 'GET', 'HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n'),
  sample('a status that is no number', 'GET', 'HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n'),
  sample('a status below 100', 'GET', 'HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n'),
  sample('a negative status', 'GET', 'HTTP/1.1 -20 OK\r\nContent-Length: 0\r\n\r\n'),
  sample('two spaces before the status', 'GET', 'HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n'),
  sample('HTTP/2.0', 'GET', 'HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n'),
  sample('HTTP/1.2', 'GET', 'HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n'),
  sample('HTTP/1.10', 'GET', 'HTTP/1.10 200 OK\r\nContent-Length: 0\r\n\r\n'),
  sample('small letters', 'GET', 'http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'),
  sample('another protocol', 'GET', 'SSH-2.0-OpenSSH_9.2p1\r\n'),
  sample('a TLS alert', 'GET', '\x15\x03\x01\x00\x02\x02\x46'),
  sample('a switch of protocols', 'GET', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n'),
  sample('a head without end', 'GET', `HTTP/1.1 200 OK\r\nA: ${'x'.repeat(70_000)}\r\n\r\n`),
  sample('interim responses without end', 'GET', 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(3_000)),
];

function sample(title: string, method: 'GET' | 'HEAD', latin1: string): SampleResponse {
  return { title, method, bytes: Buffer.from(latin1, 'latin1') };
}

/** Text without a short period, so that a byte out of place shows. */
function text(length: number): string {
  let out = '';
  for (let at = 0; out.length < length; at++) out += `${at.toString(36)} `;
  return out.slice(0, length);
}
