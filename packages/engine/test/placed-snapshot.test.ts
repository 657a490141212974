import { expect, test } from 'vitest';
import { newDatabase } from './workbench.js';

const markBody = (seq: number) => ({ backup: `${seq}`, tag: null });

test.each(['mark', 'stateSnapshot'] as const)(
  'P3 while something runs at the point of a %s the store holds exactly that, and commits go on',
  async (way) => {
    const database = await newDatabase();
    await database.put('before', '1');
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const seen: (number | undefined)[] = [];
    const whileThere = async (): Promise<void> => {
      seen.push((await database.store.applied())?.seq);
      await gate;
      seen.push((await database.store.applied())?.seq);
    };
    const placing =
      way === 'mark' ? database.mark(markBody, whileThere) : database.stateSnapshot(whileThere);
    while (seen.length === 0) await database.put('meanwhile', '2');
    for (let i = 0; i < 10; i++) await database.put(`behind ${i}`, '3');
    expect(database.durable().seq).toBeGreaterThan(seen[0] ?? Infinity);
    open();
    const { point, snapshot } = await placing;
    expect(seen).toEqual([point.seq, point.seq]);
    await snapshot.close();
    await database.whenApplied(database.durable().seq);
    expect(await database.get('behind 9')).toEqual(Buffer.from('3'));
  },
);

test('what runs there may fail: the database goes on', async () => {
  const database = await newDatabase();
  await database.put('before', '1');
  const fault = new Error('no hard links here');
  await expect(database.mark(markBody, () => Promise.reject(fault))).rejects.toBe(fault);
  await expect(database.stateSnapshot(() => Promise.reject(fault))).rejects.toBe(fault);
  await database.put('behind', '2');
  await database.whenApplied(database.durable().seq);
  expect(database.applied().seq).toBe(database.durable().seq);
});
