// Where a feed goes on inside a segment, read from a real log.

import { join } from 'node:path';
import { Database, createDatabase } from '@pamina/engine';
import { nodeEnv } from '@pamina/env';
import { segmentBytesMin } from '@pamina/format';
import { expect, onTestFinished, test } from 'vitest';
import { FeedSource } from '../src/feed-source.js';

const env = nodeEnv();
const chunkBytes = 64 * 1024;

test('P5 P16 a replica whose last record began its segment and is larger than a chunk goes on', async () => {
  const place = await env.disk.temporaryFolder('pamina-feed-source-');
  onTestFinished(() => env.disk.removeTree(place));
  const folder = join(place, 'orders');
  await createDatabase(folder, { env });
  const database = await Database.open(folder, { env, segmentBytes: segmentBytesMin });
  onTestFinished(() => database.close());
  await database.commit([{ type: 'put', key: 'fills', value: new Uint8Array(segmentBytesMin) }]);
  const value = new Uint8Array(chunkBytes * 3);
  const { seq } = await database.commit([{ type: 'put', key: 'large', value }]);
  const segment = database.log.segments().at(-1);
  if (segment === undefined) throw new Error('no segment');
  expect(segment.firstSeq).toBe(seq);
  const inside = { name: segment.name, offset: segment.bytes };
  const next = await database.commit([{ type: 'put', key: 'next', value: 'x' }]);

  const source = new FeedSource(database.log, { heldSeq: seq, openAt: seq, inside });
  const first = await source.next(chunkBytes);
  // What closes the segment that the replica has the records of, and nothing that it has.
  expect(first).toMatchObject({ ...inside, endsSegment: true, lastSeq: seq });
  expect(await source.next(chunkBytes)).toMatchObject({ offset: 0, lastSeq: next.seq });
  await source.close();
});
