// A fence keeps a master from writing, over restarts and whoever asks (P11).
import { expect, test } from 'vitest';
import { codeOf, newDatabase, openDatabase } from './workbench.js';

const fence = { since: 1, successor: 'orders-2', takenOver: false };

test('P11 a fenced database writes no record, not even one that begins a session', async () => {
  const database = await newDatabase();
  await database.put('a', '1');
  await database.updateControl({ fence });
  await database.close();
  const fenced = await openDatabase(database.folder);
  const { seq } = fenced.durable();
  expect(() => fenced.put('a', '2')).toThrow(expect.objectContaining({ code: 'FENCED' }));
  expect(await codeOf(fenced.commit([{ type: 'put', key: 'a', value: '2' }]))).toBe('FENCED');
  expect(Buffer.from((await fenced.get(Buffer.from('a'))) ?? []).toString()).toBe('1');
  await fenced.close();
  expect((await openDatabase(database.folder)).durable().seq).toBe(seq);
});

test('P11 without its fence it writes again', async () => {
  const database = await newDatabase();
  await database.updateControl({ fence });
  await database.close();
  const fenced = await openDatabase(database.folder);
  await fenced.updateControl({ fence: null });
  await fenced.close();
  const again = await openDatabase(database.folder);
  await again.put('a', '2');
});

test('P15 a control file with a fence of another shape is refused', async () => {
  const database = await newDatabase();
  await database.updateControl({ fence: { since: -1 } as never });
  await database.close();
  expect(await codeOf(openDatabase(database.folder))).toBe('CONTROL_INVALID');
});
