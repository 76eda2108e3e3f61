import { describe, expect, it } from 'vitest';
import { completeDocument, isCompleteResult, uploadIdOf } from './upload-documents.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

describe('uploadIdOf', () => {
  it.each([
    [
      '<?xml version="1.0" encoding="UTF-8"?>\n<InitiateMultipartUploadResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Bucket>b</Bucket><Key>k</Key><UploadId>a.b_c-d~e</UploadId></InitiateMultipartUploadResult>',
      'a.b_c-d~e',
    ],
    ['<InitiateMultipartUploadResult><UploadId>a&amp;b</UploadId></InitiateMultipartUploadResult>', 'a&b'],
    ['<InitiateMultipartUploadResult></InitiateMultipartUploadResult>', undefined],
    ['', undefined],
    ['nothing of the kind', undefined],
  ])('%s', (body, expected) => {
    expect(uploadIdOf(bytes(body))).toBe(expected);
  });
});

describe('completeDocument', () => {
  it('names the parts in order, from 1', () => {
    const document = completeDocument([
      { etag: '"one"', crc32c: undefined },
      { etag: '"t<&>wo"', crc32c: 'AAAAAA==' },
    ]);
    expect(document).toBe(
      '<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">' +
        '<Part><PartNumber>1</PartNumber><ETag>&quot;one&quot;</ETag></Part>' +
        '<Part><PartNumber>2</PartNumber><ETag>&quot;t&lt;&amp;&gt;wo&quot;</ETag><ChecksumCRC32C>AAAAAA==</ChecksumCRC32C></Part>' +
        '</CompleteMultipartUpload>',
    );
  });
});

describe('isCompleteResult', () => {
  it.each([
    [
      '<?xml version="1.0"?>\n<CompleteMultipartUploadResult xmlns="x"><ETag>e</ETag></CompleteMultipartUploadResult>',
      true,
    ],
    [
      '<?xml version="1.0"?>\n \n   \n<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>',
      true,
    ],
    ['<?xml version="1.0"?>\n \n<Error><Code>InternalError</Code></Error>', false],
    ['', false],
  ])('%s', (body, expected) => {
    expect(isCompleteResult(bytes(body))).toBe(expected);
  });
});
