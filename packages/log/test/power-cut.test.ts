// P1 and P2 under power cuts at any point: random workloads on a disk that keeps any subset of what
// was not synced, torn at sectors, and any beginning of the changes of names.
import fc from 'fast-check';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { FaultyDisk } from './faulty-disk.js';
import {
  append,
  bodies,
  body,
  cleanUp,
  openLog,
  randomOf,
  pump,
  realDisk,
  sessionHeader,
  startReceiver,
  startWriting,
  temporaryFolder,
} from './workbench.js';

interface Workload {
  readonly sizes: readonly number[];
  readonly switchEvery: number;
  readonly closes: boolean;
  readonly cutAfter: number;
  readonly seed: number;
}

/** What a commit or a call may end with when the power goes. */
const refusals = expect.stringMatching(/^(DISK_ERROR|DATABASE_FAILED|COMMIT_UNKNOWN)$/);

const workload = fc.record({
  sizes: fc.array(fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 30_000 })), {
    minLength: 1,
    maxLength: 30,
  }),
  switchEvery: fc.integer({ min: 2, max: 12 }),
  closes: fc.boolean(),
  cutAfter: fc.integer({ min: 1, max: 120 }),
  seed: fc.integer(),
});

/** Writes until the power goes or everything is written; returns what was acknowledged. */
async function writeUntilCut(disk: FaultyDisk, folder: string, load: Workload): Promise<number> {
  let operations = 0;
  disk.before = () => {
    if (++operations === load.cutAfter) disk.cutPower();
  };
  const random = randomOf(load.seed);
  let acknowledged = 0;
  const settled: Promise<unknown>[] = [];
  try {
    const { log } = await openLog(folder, { disk: disk.disk });
    const { appender } = await startWriting(log);
    for (const [index, bytes] of load.sizes.entries()) {
      const { group, seq } = append(appender, body(index + 1, bytes));
      const done = group.done.then(
        () => {
          acknowledged = Math.max(acknowledged, seq);
        },
        (error: unknown) => expect(error).toMatchObject({ code: refusals }),
      );
      settled.push(done);
      if (index % load.switchEvery === 0) appender.switchSegment();
      if (random() < 0.5) await done;
    }
    if (load.closes) await log.close();
    await Promise.all(settled);
  } catch (error) {
    expect(error).toMatchObject({ code: refusals });
  }
  await Promise.all(settled);
  disk.cutPower();
  return acknowledged;
}

test('P1 P2 what was acknowledged survives a power cut at any point, the rest is whole or absent', async () => {
  await fc.assert(
    fc.asyncProperty(workload, async (load) => {
      const folder = await temporaryFolder();
      const disk = new FaultyDisk(realDisk, folder);
      const acknowledged = await writeUntilCut(disk, folder, load);
      const random = randomOf(load.seed + 1);
      for (let cut = 0; cut < 3; cut++) {
        const after = await temporaryFolder();
        await disk.survivors(after, random);
        const { log } = await openLog(after);
        expect(log.durable.seq).toBeGreaterThanOrEqual(acknowledged);
        expect(log.durable.seq).toBeLessThanOrEqual(load.sizes.length);
        const found = await bodies(log);
        expect(found.size).toBe(log.durable.seq);
        for (const [seq, bytes] of found) expect(bytes).toEqual(body(seq, load.sizes[seq - 1]));
        // And it goes on: the next commit has the next number and survives a clean reopening.
        const { appender } = await startWriting(log, sessionHeader({ session: 2 }));
        const { group, seq } = append(appender, body(9));
        await group.done;
        await log.close();
        const again = await openLog(after);
        expect(again.events).toEqual([]);
        expect(again.log.durable.seq).toBe(seq);
        await again.log.close();
      }
    }),
    { numRuns: 30 },
  );
}, 240_000);

test('P1 P2 a power cut during recovery loses nothing either', async () => {
  await fc.assert(
    fc.asyncProperty(workload, fc.integer({ min: 1, max: 25 }), async (load, recoveryCut) => {
      const folder = await temporaryFolder();
      const disk = new FaultyDisk(realDisk, folder);
      const acknowledged = await writeUntilCut(disk, folder, load);
      const random = randomOf(load.seed + 2);
      const middle = await temporaryFolder();
      await disk.survivors(middle, random);
      const second = new FaultyDisk(realDisk, middle);
      await second.adoptAll();
      await writeUntilCut(second, middle, { ...load, sizes: [], cutAfter: recoveryCut });
      const after = await temporaryFolder();
      await second.survivors(after, random);
      const { log } = await openLog(after);
      expect(log.durable.seq).toBeGreaterThanOrEqual(acknowledged);
      const found = await bodies(log);
      for (const [seq, bytes] of found) expect(bytes).toEqual(body(seq, load.sizes[seq - 1]));
      await log.close();
    }),
    { numRuns: 30 },
  );
}, 240_000);

test('P1 P3 a replica keeps what it received through a power cut and ends byte for byte equal', async () => {
  const source = await temporaryFolder();
  const { log: master } = await openLog(source);
  const { appender } = await startWriting(master);
  for (let index = 0; index < 25; index++) {
    append(appender, body(index + 1, (index * 1733) % 9000));
    if (index % 7 === 6) appender.switchSegment();
  }
  await master.close();
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 128, max: 20_000 }),
      fc.integer(),
      async (cutAfter, bytesMax, seed) => {
        const folder = await temporaryFolder();
        const disk = new FaultyDisk(realDisk, folder);
        let operations = 0;
        disk.before = () => {
          if (++operations === cutAfter) disk.cutPower();
        };
        let received = 0;
        try {
          const { log } = await openLog(folder, { disk: disk.disk, ownTimelineId: null });
          log.onDurable(() => {
            received = log.durable.seq;
          });
          const cursor = await master.openCursor({ seq: 1 });
          cleanUp(() => cursor.close());
          await pump(cursor, startReceiver(log), bytesMax);
        } catch (error) {
          expect(error).toMatchObject({
            code: refusals,
          });
        }
        disk.cutPower();
        const after = await temporaryFolder();
        await disk.survivors(after, randomOf(seed));
        const { log } = await openLog(after, { ownTimelineId: null });
        expect(log.durable.seq).toBeGreaterThanOrEqual(received);
        const receiver = startReceiver(log);
        const at = receiver.resumeAt;
        const cursor =
          at === null
            ? await master.openCursor({ seq: log.durable.seq + 1 })
            : await master.openCursorAt(at.name, at.offset);
        await pump(cursor, receiver, bytesMax);
        await cursor.close();
        expect(log.durable).toEqual(master.durable);
        await log.close();
        for (const segment of master.segments()) {
          const copy = await realDisk.readFile(`${after}/log/${segment.name}`);
          expect(Buffer.compare(copy, await realDisk.readFile(segment.path))).toBe(0);
        }
      },
    ),
    { numRuns: 40 },
  );
}, 240_000);

test('P11 a power cut at any point of a promotion loses nothing that was received', async () => {
  const second = { timeline: 2, timelineId: 'fedcba9876543210' };
  const source = await temporaryFolder();
  const { log: received } = await openLog(source);
  const { appender } = await startWriting(received);
  await Promise.all([1, 2, 3].map((seq) => append(appender, body(seq, 3000)).group.done));
  const open = await realDisk.readFile(received.segments().at(0)!.path);
  const name = received.segments().at(0)!.name;
  await received.close();
  for (let cutAfter = 1; cutAfter < 30; cutAfter++) {
    const folder = await temporaryFolder();
    await realDisk.makeFolder(dirname(join(folder, 'log', name)));
    await realDisk.replaceFile(join(folder, 'log', name), open);
    const disk = new FaultyDisk(realDisk, folder);
    await disk.adoptAll();
    let operations = 0;
    disk.before = () => {
      if (++operations === cutAfter) disk.cutPower();
    };
    try {
      const { log } = await openLog(folder, { disk: disk.disk, ownTimelineId: null });
      const writing = await startWriting(log, sessionHeader({ ...second, session: 2 }));
      await append(writing.appender, body(4, 10)).group.done;
      await log.close();
    } catch (error) {
      expect(error).toMatchObject({ code: refusals });
    }
    disk.cutPower();
    const after = await temporaryFolder();
    await disk.survivors(after, randomOf(cutAfter));
    const { log } = await openLog(after, { ownTimelineId: second.timelineId });
    expect(log.durable.seq).toBeGreaterThanOrEqual(3);
    const found = await bodies(log);
    for (const seq of [1, 2, 3]) expect(found.get(seq)).toEqual(body(seq, 3000));
    await startWriting(log, sessionHeader({ ...second, session: 3 }));
    expect(log.segments().map(({ place }) => place.timeline)).not.toContain(1);
    await log.close();
  }
}, 120_000);
