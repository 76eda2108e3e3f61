import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isErrorDocument, readErrorDocument, xmlFields } from './error-body.ts';

const read = (text: string) => readErrorDocument(new TextEncoder().encode(text));

describe('readErrorDocument', () => {
  it('reads the fields that an error is judged by', () => {
    const document = read(
      `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AuthorizationHeaderMalformed</Code><Message>the region &apos;us-east-1&apos; is wrong; expecting &#39;eu-west-1&#x27; &amp;lt;</Message><Region>eu-west-1</Region><RequestId>4442587FB7D0A2F9</RequestId></Error>`,
    );
    expect(document).toEqual({
      code: 'AuthorizationHeaderMalformed',
      message: "the region 'us-east-1' is wrong; expecting 'eu-west-1' &lt;",
      region: 'eu-west-1',
      requestId: '4442587FB7D0A2F9',
    });
  });

  it.each([
    ['nothing', ''],
    ['a page of HTML', '<html><Code>NoSuchKey</Code></html>'],
    ['a document cut short', '<Error><Code>NoSuchK'],
    ['an empty code', '<Error><Code></Code></Error>'],
  ])('finds no code in %s', (_name, text) => {
    expect(read(text).code).toBeUndefined();
  });

  it('takes any bytes without failing', () => {
    const tags = fc.constantFrom(
      '<Error>',
      '<Code>',
      '</Code>',
      '<Message>',
      '&#x41;',
      '&amp',
      '<?xml ',
      '?>',
      'NoSuchKey',
    );
    const bodies = fc.array(fc.oneof(tags, fc.string())).map((pieces) => new TextEncoder().encode(pieces.join('')));
    fc.assert(
      fc.property(fc.oneof(bodies, fc.uint8Array()), (body) => {
        expect(readErrorDocument(body).code).not.toBe('');
      }),
    );
  });

  it('leaves entities that are none as they are', () => {
    expect(read('<Error><Code>A</Code><Message>&nope; &#99999999; &#x110000; &;</Message></Error>').message).toBe(
      '&nope; &#99999999; &#x110000; &;',
    );
  });
});

it.each([
  ['<Error/>', false],
  ['<Error><Code>', true],
  ['<?xml version="1.0"?>\n  <Error xmlns="x">', true],
  ['\uFEFF<?xml version="1.0"?><Error>', true],
  ['<ErrorBudget>', false],
  ['x<Error>', false],
])('isErrorDocument: %j is %s', (text, expected) => {
  expect(isErrorDocument(text)).toBe(expected);
});

it('xmlFields reads every element of a name, in order', () => {
  const listing = '<List><Key>a&amp;b</Key><Size>1</Size><Key></Key><Key> &#x63; </Key><Key><Sub/></Key></List>';
  expect(xmlFields(listing, 'Key')).toEqual(['a&b', '', ' c ']);
  expect(xmlFields(listing, 'Name')).toEqual([]);
});
