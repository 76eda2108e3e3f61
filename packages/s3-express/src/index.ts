export { type S3ExpressOptions, s3Express } from './s3-express.ts';
