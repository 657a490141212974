import { PaminaError } from '@pamina/format';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SlotTable } from '../src/slots.js';
import { FaultyDisk, codeOf, env, temporaryFolder, until } from './workbench.js';

const at = (seq: number) => ({ received: seq, durable: seq, applied: seq });

test('P10 what a replica has reported is there after the next open', async () => {
  const folder = await temporaryFolder();
  const slots = await SlotTable.open(env.disk, env.clock, folder);
  slots.report('i1', 'one', at(5));
  slots.report('i2', 'two', at(7));
  slots.report('i1', 'one', { received: 9, durable: 8, applied: 6 });
  await slots.close();
  const again = await SlotTable.open(env.disk, env.clock, folder);
  expect(again.list()).toEqual(slots.list());
  expect(again.list()).toMatchObject([
    { name: 'one', instance: 'i1', received: 9, durable: 8, applied: 6 },
    { name: 'two', instance: 'i2', received: 7 },
  ]);
});

test('P10 the first report of a replica is written at once, without a timer', async () => {
  const folder = await temporaryFolder();
  const never = { ...env.clock, after: () => () => undefined };
  const slots = await SlotTable.open(env.disk, never, folder);
  slots.report('i1', 'one', at(5));
  await until(async () => (await env.disk.stat(join(folder, 'slots/one.json'))) !== null);
  await slots.close();
});

test('reports are written by themselves after a while', async () => {
  const folder = await temporaryFolder();
  const soon = { ...env.clock, after: (_: number, task: () => void) => env.clock.after(1, task) };
  const slots = await SlotTable.open(env.disk, soon, folder);
  slots.report('i1', 'one', at(5));
  slots.report('i1', 'one', at(6));
  await until(async () => {
    const [slot] = (await SlotTable.open(env.disk, env.clock, folder)).list();
    return slot?.durable === 6;
  });
  await slots.close();
});

test('P10 a slot that could not be written is written with the next save', async () => {
  const folder = await temporaryFolder();
  const faulty = new FaultyDisk();
  const slots = await SlotTable.open(faulty.disk, env.clock, folder);
  faulty.fault = () => 'DISK_FULL';
  slots.report('i1', 'one', at(5));
  await slots.save();
  expect(slots.failure).toMatchObject({ code: 'DISK_FULL' });
  faulty.fault = () => null;
  await slots.close();
  expect(slots.failure).toBeNull();
  expect((await SlotTable.open(env.disk, env.clock, folder)).list()).toMatchObject([
    { name: 'one' },
  ]);
});

test('P10 a lost slot stays lost over reports and the next open, until it is taken back', async () => {
  const folder = await temporaryFolder();
  const slots = await SlotTable.open(env.disk, env.clock, folder);
  slots.report('i1', 'one', at(5));
  expect(await slots.lose('one', { cap: 'age', bytes: 7 })).toBe(true);
  slots.report('i1', 'one', at(6));
  expect(slots.lost('one')).toMatchObject({ cap: 'age', bytes: 7 });
  await slots.close();
  const again = await SlotTable.open(env.disk, env.clock, folder);
  expect(again.list()).toMatchObject([{ durable: 6, lost: { cap: 'age', bytes: 7 } }]);
  await again.takeBack('one');
  await again.takeBack('never-seen');
  expect((await SlotTable.open(env.disk, env.clock, folder)).lost('one')).toBeNull();
});

test('a forgotten slot is gone, also when it is being written', async () => {
  const folder = await temporaryFolder();
  const slots = await SlotTable.open(env.disk, env.clock, folder);
  slots.report('i1', 'one', at(5));
  const saving = slots.save();
  await slots.forget('one');
  await saving;
  await slots.close();
  expect(await readdir(join(folder, 'slots'))).toEqual([]);
  await slots.forget('never-seen');
});

test('P14 a name that is none reaches no file', async () => {
  const folder = await temporaryFolder();
  await env.disk.replaceFile(join(folder, 'control.json'), new Uint8Array(1));
  const slots = await SlotTable.open(env.disk, env.clock, folder);
  expect(() => slots.report('i1', '../control', at(5))).toThrow(PaminaError);
  expect(await codeOf(slots.forget('../control'))).toBe('NAME_INVALID');
  expect(await env.disk.stat(join(folder, 'control.json'))).not.toBeNull();
});

test.each([
  '{',
  'null',
  '[]',
  '{"name":"one","instance":"i","received":1}',
  '{"name":"one","instance":"i","received":1,"durable":1,"applied":1,"seenAt":1,"lost":{"at":1}}',
])(
  'P9 a slot that holds %s is told and not passed over: its replica needs log',
  async (content) => {
    const folder = await temporaryFolder();
    await env.disk.makeFolder(join(folder, 'slots'));
    const bytes = new TextEncoder().encode(content);
    await env.disk.replaceFile(join(folder, 'slots/one.json'), bytes);
    expect(await codeOf(SlotTable.open(env.disk, env.clock, folder))).toBe('CONTROL_INVALID');
  },
);
