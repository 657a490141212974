import { expect, it } from 'vitest';
import { KeyedLock } from '../src/keyed-lock.js';

it('gives each key to one holder at a time, in the order of asking', async () => {
  const lock = new KeyedLock();
  const events: string[] = [];
  const work = (name: string) =>
    lock.run('key', async () => {
      events.push(`${name} begins`);
      await Promise.resolve();
      events.push(`${name} ends`);
    });
  await Promise.all([work('a'), work('b'), work('c')]);
  expect(events).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
  expect(lock.isHeld('key')).toBe(false);
});

it('lets other keys pass', async () => {
  const lock = new KeyedLock();
  const release = await lock.acquire('one');
  await lock.run('two', () => Promise.resolve());
  expect(lock.isHeld('one')).toBe(true);
  release();
  release();
  expect(lock.isHeld('one')).toBe(false);
});

it('goes on after a holder that failed', async () => {
  const lock = new KeyedLock();
  await expect(lock.run('key', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await lock.run('key', () => Promise.resolve(1))).toBe(1);
});
