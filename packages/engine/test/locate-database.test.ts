import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Database } from '../src/database.js';
import { nextLine, openInThread, startChild } from './processes.js';
import { codeOf, env, newDatabase, openDatabase, temporaryFolder } from './workbench.js';

test('a folder without a database, or none at all, is told', async () => {
  const folder = await temporaryFolder();
  expect(await codeOf(Database.open(folder, { env }))).toBe('DATABASE_NOT_FOUND');
  expect(await codeOf(Database.open(join(folder, 'no'), { env }))).toBe('DATABASE_NOT_FOUND');
});

test('a second open in the same process is refused, through a symbolic link too', async () => {
  const database = await newDatabase();
  const link = join(await temporaryFolder(), 'link');
  await symlink(database.folder, link);
  expect(await codeOf(Database.open(database.folder, { env }))).toBe('DATABASE_IN_USE');
  expect(await codeOf(Database.open(link, { env }))).toBe('DATABASE_IN_USE');
  await database.put('a', '1');
});

test('another process is refused, also after this one has tried a second open itself', async () => {
  const database = await newDatabase();
  const first = startChild('open', database.folder);
  expect(await nextLine(first)).toBe('DATABASE_IN_USE');
  expect(await codeOf(Database.open(database.folder, { env }))).toBe('DATABASE_IN_USE');
  expect(await openInThread(database.folder)).toBe('DATABASE_IN_USE');
  const second = startChild('open', database.folder);
  expect(await nextLine(second)).toBe('DATABASE_IN_USE');
  await database.close();
  const third = startChild('open', database.folder);
  expect(await nextLine(third)).toBe('open');
  expect(await codeOf(Database.open(database.folder, { env }))).toBe('DATABASE_IN_USE');
  third.process.kill('SIGKILL');
  expect(await nextLine(third)).toBe('');
  await openDatabase(database.folder);
});

test('a worker thread may open what no other thread has open', async () => {
  const database = await newDatabase();
  await database.close();
  expect(await openInThread(database.folder)).toBe('open');
});

test('the refused one writes nothing into the other one’s job log', async () => {
  const database = await newDatabase();
  const before = await database.jobLog.tail(100);
  const child = startChild('open', database.folder);
  expect(await nextLine(child)).toBe('DATABASE_IN_USE');
  expect(await database.jobLog.tail(100)).toEqual(before);
});

test('after an open that failed the database can be opened again', async () => {
  const database = await newDatabase();
  await database.close();
  const control = join(database.folder, 'control.json');
  const bytes = await env.disk.readFile(control);
  await writeFile(control, '{');
  expect(await codeOf(Database.open(database.folder, { env }))).toBe('CONTROL_INVALID');
  await writeFile(control, bytes);
  await mkdir(join(database.folder, 'slots'));
  await writeFile(join(database.folder, 'slots/x.json'), 'null');
  expect(await codeOf(Database.open(database.folder, { env }))).toBe('CONTROL_INVALID');
  await env.disk.remove(join(database.folder, 'slots/x.json'));
  await openDatabase(database.folder);
});
