import { PaminaError } from '@pamina/format';
import type { LockSummary } from '@pamina/wire';
import { expect, it } from 'vitest';
import { aStatus, fakeAdministration, runWith } from '../fake-administration.js';

const lock: LockSummary = {
  ...({ transaction: 17, origin: 'master', level: 'document', name: 'vienna' } as const),
  ...{ mode: 'exclusive', waitingMs: null },
};
const waiting: LockSummary = {
  ...({ ...lock, transaction: 3, origin: 'here' } as const),
  ...{ mode: 'shared', waitingMs: 1500 },
};
const locks = () => Promise.resolve([lock, waiting]);

it('lists who holds what, and who waits for how long', async () => {
  const ran = await runWith(fakeAdministration({ locks }), ['locks', 'cities']);
  expect(ran.out).toMatch(/^17 +the master +document +vienna +exclusive +holds it$/m);
  expect(ran.out).toMatch(/^3 +this database +document +vienna +shared +for 1\.5 s$/m);
});

it('gives all of it as JSON, and asks for as many as are wanted', async () => {
  const administration = fakeAdministration({ locks });
  const ran = await runWith(administration, ['locks', 'cities', '--limit', '5', '--json']);
  expect(JSON.parse(ran.out)).toEqual({ locks: [lock, waiting] });
  const none = await runWith(fakeAdministration(), ['locks', 'cities']);
  expect(none).toMatchObject({ status: 0, out: '' });
  expect(none.err).toContain('Nothing is locked in cities.');
});

it('frees one transaction, shows before what that would free, and says if there is none', async () => {
  const released: number[] = [];
  const releaseLocks = (_name: string, transaction: number): Promise<void> => {
    if (transaction !== 17) return Promise.reject(new PaminaError('TRANSACTION_NOT_FOUND', 'none'));
    released.push(transaction);
    return Promise.resolve();
  };
  const status = () => Promise.resolve({ ...aStatus, type: 'replica' as const });
  const administration = fakeAdministration({ locks, releaseLocks, status });
  const dry = await runWith(administration, ['locks', 'cities', '--release', '17', '--dry-run']);
  expect(dry.out).toContain('vienna');
  expect(dry.out).not.toContain('shared');
  expect(released).toEqual([]);
  const ran = await runWith(administration, ['locks', 'cities', '--release', '17']);
  expect(ran).toMatchObject({ status: 0 });
  expect(ran.out).toContain('transaction 17 holds nothing any more');
  expect(released).toEqual([17]);
  const missing = await runWith(administration, ['locks', 'cities', '--release', '18']);
  expect(missing.status).toBe(3);
});

it('shows before a release what would be free, however many locks there are, and nothing else', async () => {
  const many = Array.from({ length: 3000 }, (_, at) => ({
    ...lock,
    transaction: 1,
    name: `${at}`,
  }));
  const reader: LockSummary = { ...waiting, transaction: 17, name: 'of a reader' };
  const status = () => Promise.resolve({ ...aStatus, type: 'replica' as const });
  const administration = fakeAdministration({
    status,
    locks: (_name, { limit = 1000 } = {}) =>
      Promise.resolve([...many, lock, reader].slice(0, limit)),
  });
  const dry = await runWith(administration, ['locks', 'cities', '--release', '17', '--dry-run']);
  expect(dry.out).toContain('vienna');
  expect(dry.out).not.toContain('of a reader');
  const none = await runWith(administration, ['locks', 'cities', '--release', '18', '--dry-run']);
  expect(none.err).toContain('Transaction 18 holds nothing in cities.');
});
