import { Agent } from 'node:https';
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  NoSuchKey,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { KvferryError } from '@kvferry/core';
import type { S3Access } from './types.ts';

/** How often one name is deleted: a listing may be somewhat behind, and a store that keeps what it is told to delete would be asked for ever. */
const MOST_REMOVALS = 5;

/** A bucket past the backend: through AWS's own client, so that no fault of ours keeps it from being tidied up. */
export class BucketClient {
  readonly #client: S3Client;
  readonly #access: S3Access;

  constructor(access: S3Access) {
    this.#access = access;
    const { accessKeyId, secretAccessKey, sessionToken } = access.credentials;
    this.#client = new S3Client({
      endpoint: access.endpoint,
      region: access.region,
      forcePathStyle: access.addressing === 'path',
      credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) },
      // Its newer default breaks stores that do not know its checksums.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      requestHandler: {
        connectionTimeout: 5_000,
        socketTimeout: 10_000,
        ...(access.ca === undefined ? {} : { httpsAgent: new Agent({ ca: access.ca, keepAlive: true }) }),
      },
    });
  }

  async createBucket(): Promise<void> {
    const { bucket, region } = this.#access;
    // us-east-1 is the one region that must not be named.
    const constraint =
      region === 'us-east-1' ? {} : { CreateBucketConfiguration: { LocationConstraint: region as 'eu-west-1' } };
    await this.#sent(`the bucket ${bucket} could not be created (to use one that exists: --bucket)`, () =>
      this.#client.send(new CreateBucketCommand({ Bucket: bucket, ...constraint })),
    );
  }

  async deleteBucket(): Promise<void> {
    const { bucket } = this.#access;
    await this.removeUnder('');
    await this.#sent(`the bucket ${bucket} could not be deleted`, () =>
      this.#client.send(new DeleteBucketCommand({ Bucket: bucket })),
    );
  }

  /** Removes every object whose name begins with `prefix`. */
  async removeUnder(prefix: string): Promise<void> {
    const { bucket } = this.#access;
    await this.#sent(`objects under ${JSON.stringify(prefix)} in ${bucket} could not be removed`, async () => {
      const removals = new Map<string, number>();
      for (let names = await this.#some(prefix); names.length > 0; names = await this.#some(prefix)) {
        for (const name of names) removals.set(name, (removals.get(name) ?? 0) + 1);
        const stays = names.find((name) => (removals.get(name) ?? 0) > MOST_REMOVALS);
        if (stays !== undefined) throw new Error(`${JSON.stringify(stays)} is listed still, and was deleted`);
        // One by one: among the conformance suite's keys are some that no XML document can name, and so no bulk delete.
        await Promise.all(
          names.map((name) => this.#client.send(new DeleteObjectCommand({ Bucket: bucket, Key: name }))),
        );
      }
    });
  }

  /** Names of some objects that begin with `prefix`: none only where there are none. */
  async #some(prefix: string): Promise<string[]> {
    const { Contents: entries = [], EncodingType: encoding } = await this.#client.send(
      new ListObjectsV2Command({
        Bucket: this.#access.bucket,
        Prefix: prefix,
        MaxKeys: 100,
        // For the same names.
        EncodingType: 'url',
      }),
    );
    const names = entries.map(({ Key: name = '' }) => name);
    // As in a form: `+` is a space. A store that does not know the parameter does not echo it.
    return encoding === 'url' ? names.map((name) => decodeURIComponent(name.replaceAll('+', ' '))) : names;
  }

  async read(name: string): Promise<Uint8Array | undefined> {
    try {
      const { Body: body } = await this.#client.send(new GetObjectCommand({ Bucket: this.#access.bucket, Key: name }));
      return await body?.transformToByteArray();
    } catch (thrown) {
      if (thrown instanceof NoSuchKey) return undefined;
      throw thrown;
    }
  }

  async write(name: string, bytes: Uint8Array): Promise<void> {
    await this.#client.send(new PutObjectCommand({ Bucket: this.#access.bucket, Key: name, Body: bytes }));
  }

  close(): void {
    this.#client.destroy();
  }

  async #sent<Result>(failure: string, send: () => Promise<Result>): Promise<Result> {
    try {
      return await send();
    } catch (thrown) {
      const status = thrown instanceof S3ServiceException ? thrown.$metadata.httpStatusCode : undefined;
      const seen = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
      const code = status === undefined ? 'CONNECTION' : status === 403 ? 'PERMISSION_DENIED' : 'UNAVAILABLE';
      throw new KvferryError(code, `${failure} at ${this.#access.endpoint}: ${seen}`, { cause: thrown });
    }
  }
}
