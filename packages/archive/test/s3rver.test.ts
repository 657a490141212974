// The contract against a server of others, which knows no conditional writes.
import { afterAll, beforeAll } from 'vitest';
import S3rver from 's3rver';
import { archiveContract } from './archive-contract.js';
import { s3Archive, temporaryFolder } from './support.js';

let server: S3rver;
let port = 0;
let count = 0;
beforeAll(async () => {
  server = new S3rver({
    port: 0,
    address: '127.0.0.1',
    silent: true,
    directory: await temporaryFolder(),
    configureBuckets: [{ name: 'bucket', configs: [] }],
  });
  ({ port } = await server.run());
});
afterAll(() => server.close());

archiveContract('s3rver', () => {
  count++;
  const address = `s3://bucket/run-${count}?endpoint=http://127.0.0.1:${port}`;
  return Promise.resolve(s3Archive(address, { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' }));
});
