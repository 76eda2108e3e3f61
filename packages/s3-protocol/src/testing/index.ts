export { describeOnStore, type SuiteConnection, s3Suite } from './conformance.ts';
export { BUCKET, collect } from './store.ts';
export {
  STORE_NAMES,
  type StoreName,
  sdkClient,
  startDirectoryBucket,
  startForTest,
  startPlainBucket,
  type TestStore,
} from './stores.ts';
