// The shortest way through the whole log: append, close, open, read, ship.
import { expect, test } from 'vitest';
import {
  bodies,
  body,
  commit,
  expectSameFiles,
  filesOf,
  openLog,
  pump,
  startReceiver,
  startWriting,
  temporaryFolder,
} from './workbench.js';

test('P1 what was appended is there after close and open, and travels byte for byte', async () => {
  const folder = await temporaryFolder();
  const first = await openLog(folder);
  const { appender } = await startWriting(first.log);
  for (let seq = 1; seq <= 300; seq++) {
    expect(await commit(appender, body(seq, seq * 10))).toBe(seq);
  }
  await first.log.close();

  const second = await openLog(folder);
  expect(second.events).toEqual([]);
  expect(second.log.durable.seq).toBe(300);
  const found = await bodies(second.log);
  for (let seq = 1; seq <= 300; seq++) expect(found.get(seq)).toEqual(body(seq, seq * 10));

  const copyFolder = await temporaryFolder();
  const copy = await openLog(copyFolder, { ownTimelineId: null });
  const receiver = startReceiver(copy.log);
  const cursor = await second.log.openCursor({ seq: 1 });
  await pump(cursor, receiver, 64 * 1024);
  await cursor.close();
  expect(copy.log.durable).toEqual(second.log.durable);
  expectSameFiles(await filesOf(copyFolder, copy.log), await filesOf(folder, second.log));
  await copy.log.close();
  await second.log.close();
});
