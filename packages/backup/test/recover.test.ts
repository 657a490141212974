// Recovery to a target: from a backup and log of one or several sources, to exactly what was asked for.
import { cp, mkdir, readdir, rename, rm, stat, truncate } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { createDatabase, type Database } from '@pamina/engine';
import { formatPosition, segmentTrailerBytes } from '@pamina/format';
import {
  folderPlace,
  joinPlaces,
  logFolderSource,
  planRecovery,
  recoverTo,
  takeBackup,
  takeIncremental,
  type RecoveryPlace,
  type RecoveryTarget,
} from '../src/index.js';
import {
  DyingDisk,
  Model,
  env,
  filesBelow,
  flipByte,
  intoTables,
  newDatabase,
  openDatabase,
  temporaryFolder,
  userEntries,
} from './support.js';

/** Two tagged backups with commits between and behind them, over many small segments, a clock that a test turns. */
async function history() {
  let now = 1_700_000_000_000;
  const turned = { ...env, clock: { ...env.clock, now: () => now } };
  const database = await newDatabase({ env: turned });
  const model = new Model(database);
  const times = new Map<number, number>();
  const round = async (count: number, name: string): Promise<void> => {
    for (let i = 0; i < count; i++) {
      now += 1000;
      const { seq } = await model.put(`key-${(i * 7) % 30}`, Buffer.alloc(3000, `${name}/${i} `));
      times.set(seq, now);
      if (i % 9 === 0) await model.del(`key-${i % 30}`);
    }
  };
  await round(30, 'early');
  const first = (await takeBackup(database, { tag: 'first' })).position.seq;
  await round(40, 'middle');
  const second = (await takeBackup(database, { tag: 'second' })).position.seq;
  await round(80, 'late');
  return { database, model, times, first, second, end: database.durable().seq };
}

async function recovered(place: RecoveryPlace, target: RecoveryTarget, backup?: string) {
  const plan = await planRecovery({ place, target, backup });
  const folder = join(await temporaryFolder(), 'copy');
  const { control } = await recoverTo({ env, plan, folder, name: 'copy' });
  const copy = await openDatabase(folder, { access: 'read' });
  return { plan, control, copy, entries: await userEntries(copy) };
}

const at = (seq: number): RecoveryTarget => ({
  kind: 'position',
  position: { timeline: 1, seq },
});

test('P3 any position, the end and the backup itself are recovered as the model has them', async () => {
  const { database, model, first, second, end } = await history();
  await database.close();
  const place = await folderPlace(env, database.folder);
  const rolls = database.log.segments().map(({ firstSeq }) => firstSeq);
  const wanted = [first, first + 1, second - 1, second, second + 1, end - 1, end];
  for (const seq of new Set([...wanted, ...rolls.filter((roll) => roll > first).slice(0, 4)])) {
    const { entries, control, plan } = await recovered(place, at(seq));
    expect(entries, `at ${seq}`).toEqual(model.at(seq));
    expect(plan.backup.manifest.position.seq).toBe(seq >= second ? second : first);
    expect(control).toMatchObject({ type: 'unassigned', base: { seq }, pattern: place.pattern });
  }
  const all = await recovered(place, { kind: 'all' });
  expect(all.entries).toEqual(model.at(end));
  const none = await recovered(place, { kind: 'none' }, 'first');
  expect(none.entries).toEqual(model.at(first));
  expect(none.plan.spans).toEqual([]);
  const fromFirst = await recovered(place, at(end), 'first');
  expect(fromFirst.plan.backup.manifest.position.seq).toBe(first);
  expect(fromFirst.entries).toEqual(model.at(end));
});

test('P11 a recovered copy goes on from its position on a timeline of its own', async () => {
  const { database, first } = await history();
  await database.close();
  const { copy, control } = await recovered(await folderPlace(env, database.folder), at(first + 5));
  await copy.close();
  const writer = await openDatabase(copy.folder);
  const { timeline, seq } = await writer.commit([{ type: 'put', key: 'new', value: '1' }]);
  expect({ timeline, seq }).toEqual({ timeline: 2, seq: first + 7 });
  expect(writer.timelines[1]).toMatchObject({ atSeq: first + 5 });
  expect(control.timelines).toHaveLength(1);
});

test('P9 a time means the last commit at or before it, and needs a later record as proof', async () => {
  const { database, model, times, first, end } = await history();
  await database.close();
  const place = await folderPlace(env, database.folder);
  const until = (time: number) => planRecovery({ place, target: { kind: 'time', time } });
  const some = [...times].filter(([seq]) => seq > first + 1 && seq < end - 2);
  for (const [seq, time] of some.filter((_, index) => index % 7 === 0)) {
    const before = await until(time - 1);
    expect(before.point.time).toBeLessThan(time);
    expect(before.point.seq).toBeLessThan(seq);
    expect(model.at(before.point.seq)).toEqual(model.at(seq - 1));
    const exactly = await until(time);
    expect(exactly.point.time).toBe(time);
    expect(exactly.point.seq).toBeGreaterThanOrEqual(seq);
  }
  const last = times.get(end) ?? 0;
  const refused = { code: 'POSITION_UNREACHABLE' };
  // Nothing later proves that the last record was the last one by then.
  await expect(until(last)).rejects.toMatchObject(refused);
  await expect(until(last + 1)).rejects.toMatchObject(refused);
  await expect(until(0)).rejects.toThrow(
    /no good backup was taken at or before it; reachable is 1\/0 \(/,
  );
  const proved: RecoveryPlace = {
    ...place,
    logs: place.logs.map((log) => ({
      ...log,
      completeUntil: () => Promise.resolve({ seq: end, time: last + 60_000 }),
    })),
  };
  const atEnd = (time: number) => planRecovery({ place: proved, target: { kind: 'time', time } });
  expect((await atEnd(last + 59_000)).point.seq).toBe(end);
  await expect(atEnd(last + 60_001)).rejects.toMatchObject(refused);
});

test('P9 a tag is the position of its backup, also when only its mark in the log is left', async () => {
  const { database, model, first, second } = await history();
  await database.close();
  const place = await folderPlace(env, database.folder);
  const until = (tag: string) => planRecovery({ place, target: { kind: 'tag', tag } });
  expect((await until('first')).point.seq).toBe(first);
  const backups = join(database.folder, 'backups');
  await rm(join(backups, `${String(second).padStart(16, '0')}-1`), { recursive: true });
  const { entries, plan } = await recovered(place, { kind: 'tag', tag: 'second' });
  expect(plan).toMatchObject({ point: { seq: second }, records: second - first });
  expect(entries).toEqual(model.at(second));
  await expect(until('third')).rejects.toMatchObject({ code: 'POSITION_UNREACHABLE' });
});

/** Moves every other closed segment out of the log, to a place of its own. */
async function scatter(database: Database): Promise<string> {
  const elsewhere = join(await temporaryFolder(), 'log');
  const segments = database.log.segments();
  for (const { name, path } of segments.slice(0, -1).filter((_, index) => index % 2 === 1)) {
    await mkdir(dirname(join(elsewhere, name)), { recursive: true });
    await rename(path, join(elsewhere, name));
  }
  return elsewhere;
}

test('P4 log is joined from several sources; with a gap the end is refused, what is before it is not', async () => {
  const { database, model, first, second, end } = await history();
  await database.close();
  const elsewhere = await scatter(database);
  const place = await folderPlace(env, database.folder);
  const target = { kind: 'all' } as const;
  const refusal = planRecovery({ place, target });
  await expect(refusal).rejects.toThrow(/records \d+ to \d+ are missing; reachable is 1\/\d+ \(/);
  await expect(refusal).rejects.toMatchObject({ code: 'POSITION_UNREACHABLE' });
  await expect(planRecovery({ place, target: at(end) })).rejects.toMatchObject({
    code: 'POSITION_UNREACHABLE',
  });
  const rest = { ...place, logs: [logFolderSource({ disk: env.disk, folder: elsewhere })] };
  const joined = joinPlaces([place, rest]);
  const { entries, plan } = await recovered(joined, { kind: 'all' });
  expect(entries).toEqual(model.at(end));
  expect(new Set(plan.spans.map(({ segment }) => segment.source)).size).toBe(2);
  // The same twice over is one log.
  const doubled = await recovered(joinPlaces([joined, rest, place]), at(second - 2));
  expect(doubled.entries).toEqual(model.at(second - 2));
  expect(doubled.plan.backup.manifest.position.seq).toBe(first);
});

test('P4 incremental backups lead on from a full one, and on to the log that is left', async () => {
  const database = await newDatabase();
  const model = new Model(database);
  for (let i = 0; i < 20; i++) await model.put(`key-${i}`, Buffer.alloc(2000, `${i}`));
  const full = await takeBackup(database);
  const ends: number[] = [];
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 30; i++)
      await model.put(`key-${i % 9}`, Buffer.alloc(3000, `${round}/${i}`));
    ends.push((await takeIncremental(database, { tag: `increment ${round}` })).position.seq);
  }
  await model.put('last', '1');
  const end = database.durable().seq;
  // Nothing of it is left in the database itself but what the last increment does not hold.
  await database.log.deleteBefore(ends[1] ?? 0);
  await database.close();
  const place = await folderPlace(env, database.folder);
  for (const seq of [full.position.seq + 3, ends[0] ?? 0, (ends[0] ?? 0) + 2, end]) {
    const { entries, plan } = await recovered(place, at(seq));
    expect(entries, `at ${seq}`).toEqual(model.at(seq));
    expect(plan.backup.id).toBe(full.id);
  }
  const tagged = await planRecovery({ place, target: { kind: 'tag', tag: 'increment 0' } });
  expect(tagged.point.seq).toBe(ends[0]);
  await expect(
    planRecovery({ place, target: { kind: 'all' }, backup: 'increment 0' }),
  ).rejects.toThrow(/does not have a full backup/);
});

test('P3 a physical backup is the start of a recovery too, to any position behind it', async () => {
  const database = await newDatabase();
  const model = new Model(database);
  for (let i = 0; i < 30; i++) await model.put(`key-${i}`, Buffer.alloc(3000, `${i}`));
  // Tables and a log of LevelDB's own.
  await intoTables(database);
  await model.put('more', '1');
  const { id, position } = await takeBackup(database, { form: 'physical' });
  for (let i = 0; i < 10; i++) await model.put(`key-${i}`, `later ${i}`);
  const end = database.durable().seq;
  await database.close();
  const place = await folderPlace(env, database.folder);
  for (const seq of [position.seq, position.seq + 1, end - 3, end]) {
    const { entries, plan } = await recovered(place, at(seq));
    expect(entries, `at ${seq}`).toEqual(model.at(seq));
    expect(plan.backup.id).toBe(id);
  }
  const none = await recovered(place, { kind: 'none' }, id);
  expect(none.entries).toEqual(model.at(position.seq));
});

test('P5 log of another database in a source is refused, and nothing is written', async () => {
  const { database } = await history();
  const other = await newDatabase();
  await other.put('x', 'y');
  await takeBackup(other);
  await database.close();
  await other.close();
  const [mine, theirs] = [
    await folderPlace(env, database.folder),
    await folderPlace(env, other.folder),
  ];
  const target = { kind: 'all' } as const;
  const mixed = joinPlaces([mine, theirs]);
  await expect(planRecovery({ place: mixed, target })).rejects.toMatchObject({
    code: 'PATTERN_MISMATCH',
  });
});

test('P6 a flipped byte on the way is named with file and offset, and nothing of the copy stays', async () => {
  const { database, second } = await history();
  const segment = database.log.segments().find(({ firstSeq }) => firstSeq > second + 3);
  await database.close();
  await flipByte(segment?.path ?? '', 700);
  const place = await folderPlace(env, database.folder);
  const plan = await planRecovery({ place, target: { kind: 'all' } });
  const parent = await temporaryFolder();
  const recovering = recoverTo({ env, plan, folder: join(parent, 'copy'), name: 'copy' });
  await expect(recovering).rejects.toMatchObject({
    code: 'LOG_DAMAGED',
    context: { file: segment?.path },
  });
  expect(await readdir(parent)).toEqual([]);
});

test('P6 damage that the target does not need stands in nobody’s way, damage before it is named', async () => {
  const { database, model, first, second, end } = await history();
  await database.close();
  const segments = database.log.segments();
  const place = await folderPlace(env, database.folder);
  const all = { kind: 'all' } as const;
  // The header of a segment between the backups: only what goes through it is refused.
  const middle = segments.find(({ firstSeq }) => firstSeq > first + 5 && firstSeq < second);
  await flipByte(middle?.path ?? '', 20);
  expect((await recovered(place, all)).entries).toEqual(model.at(end));
  expect((await recovered(place, at((middle?.firstSeq ?? 0) - 1))).plan.backup.manifest.tag).toBe(
    'first',
  );
  const through = planRecovery({ place, target: at(middle?.firstSeq ?? 0) });
  await expect(through).rejects.toThrow(new RegExp(`${middle?.name}, offset 0: .*; reachable is`));
  // The middle of the last segment, which has no trailer: its end is never taken for the end of the log.
  const last = segments.at(-1);
  const crashed = join(await temporaryFolder(), 'crashed');
  await cp(database.folder, crashed, { recursive: true });
  const file = join(crashed, 'log', last?.name ?? '');
  await truncate(file, (await stat(file)).size - segmentTrailerBytes);
  const open = await folderPlace(env, crashed);
  expect((await recovered(open, all)).entries).toEqual(model.at(end));
  await flipByte(file, 9000);
  await expect(planRecovery({ place: open, target: all })).rejects.toThrow(
    /offset \d+: the record here fails its checksum; reachable is/,
  );
  // Cut off there it is a torn tail, unless it is known to have been longer.
  await truncate(file, 9000);
  const torn = await planRecovery({ place: open, target: all });
  expect(torn.point.seq).toBeLessThan(end);
  const known = await folderPlace(env, crashed, { knownSeq: end });
  await expect(planRecovery({ place: known, target: all })).rejects.toThrow(
    /record \d+ was on disk; reachable is/,
  );
  expect((await planRecovery({ place: known, target: at(torn.point.seq) })).point).toEqual(
    torn.point,
  );
});

test('P8 a recovery that dies at any step leaves nothing that looks like a database; the source is untouched', async () => {
  const { database, model, second, end } = await history();
  await database.close();
  const before = await filesBelow(database.folder);
  const place = await folderPlace(env, database.folder);
  const plan = await planRecovery({ place, target: at(end - 3) });
  const parent = await temporaryFolder();
  const folder = join(parent, 'copy');
  const disk = new DyingDisk();
  disk.arm(Infinity);
  await recoverTo({ env: disk.env, plan, folder, name: 'copy' });
  const steps = disk.changes;
  expect(steps).toBeGreaterThan(10);
  for (let step = 1; step <= steps; step++) {
    await rm(folder, { recursive: true, force: true });
    disk.arm(step);
    const died = recoverTo({ env: disk.env, plan, folder, name: 'copy' });
    await expect(died, `step ${step}`).rejects.toThrow();
    disk.arm(Infinity);
    const isThere = (await readdir(parent)).includes('copy');
    // The name is given by a rename, whose sync of the folder may be what failed.
    if (!isThere) await recoverTo({ env, plan, folder, name: 'copy' });
    const copy = await openDatabase(folder, { access: 'read' });
    expect(await userEntries(copy), `step ${step}`).toEqual(model.at(end - 3));
    await copy.close();
    expect(await readdir(parent)).toEqual(['copy']);
  }
  expect(second).toBeLessThan(end);
  expect(await filesBelow(database.folder)).toEqual(before);
});

test('P11 after a fork each branch is reached by its own number, and the newest one by default', async () => {
  const { database, model, first, end } = await history();
  await database.close();
  const place = await folderPlace(env, database.folder);
  const { copy } = await recovered(place, at(first + 10));
  await copy.close();
  const branch = await openDatabase(copy.folder);
  await branch.commit([{ type: 'put', key: 'only-here', value: '1' }]);
  const last = branch.durable();
  await branch.close();
  // One place with the log of both, as an archive has it; no control file says which is meant.
  const both = join(await temporaryFolder(), 'both');
  await cp(join(database.folder, 'backups'), join(both, 'backups'), { recursive: true });
  for (const from of [database.folder, branch.folder]) {
    await cp(join(from, 'log'), join(both, 'log'), {
      recursive: true,
      filter: (path) => !path.endsWith('synced'),
    });
  }
  const joined = await folderPlace(env, both);
  const newest = await planRecovery({ place: joined, target: { kind: 'all' } });
  expect(formatPosition(newest.position)).toBe(`2/${last.seq}`);
  const old = await recovered(joined, at(end));
  expect(old.entries).toEqual(model.at(end));
  const shared = await recovered(joined, at(first + 8));
  expect(shared.entries).toEqual(model.at(first + 8));
  await expect(
    planRecovery({
      place: joined,
      target: { kind: 'position', position: { timeline: 2, seq: first + 5 } },
    }),
  ).rejects.toThrow(/this record is 1\//);
});

test('P9 an abort ends a recovery with its reason, and nothing of the copy stays', async () => {
  const { database } = await history();
  await database.close();
  const place = await folderPlace(env, database.folder);
  const plan = await planRecovery({ place, target: { kind: 'all' }, backup: 'first' });
  const parent = await temporaryFolder();
  const controller = new AbortController();
  const reason = new Error('enough');
  const steps: string[] = [];
  const recovering = recoverTo({
    env,
    plan,
    folder: join(parent, 'copy'),
    name: 'copy',
    signal: controller.signal,
    onProgress: ({ step }) => {
      steps.push(step);
      if (step === 'replay') controller.abort(reason);
    },
  });
  await expect(recovering).rejects.toBe(reason);
  expect(steps).toContain('replay');
  expect(await readdir(parent)).toEqual([]);
});

test('P3 a database that was never backed up is recovered from its initial backup and its log', async () => {
  const folder = join(await temporaryFolder(), 'plain');
  await createDatabase(folder, { env });
  const database = await openDatabase(folder);
  const model = new Model(database);
  for (let i = 0; i < 20; i++) await model.put(`key-${i % 7}`, `${i}`);
  const { seq } = database.durable();
  await database.close();
  const { entries, control } = await recovered(await folderPlace(env, folder), at(seq - 5));
  expect(entries).toEqual(model.at(seq - 5));
  expect(control.pattern).toBe(database.identity.pattern);
});
