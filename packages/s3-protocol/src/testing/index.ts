export { type SuiteConnection, s3Suite } from './conformance.ts';
export {
  BUCKET,
  collect,
  type MissingStore,
  STORES,
  sdkClient,
  startDirectoryBucket,
  type TestStore,
} from './stores.ts';
