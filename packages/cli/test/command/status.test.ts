import { expect, it } from 'vitest';
import {
  aReplica,
  aStatus,
  fakeAdministration,
  notFound,
  runWith,
} from '../fake-administration.js';

it('prints both sides of a replica: positions, lags, state, since, why', async () => {
  const ran = await runWith(fakeAdministration(), ['status', 'cities-replica']);
  expect(ran.status).toBe(0);
  for (const expected of [
    /^type +replica$/m,
    /^state +catching-up$/m,
    /^since +2026-07-29 13:38:05Z/m,
    /^why +behind the master$/m,
    /^received +1\/500 +none$/m,
    /^durable +1\/490 +10 records, 3\.4 KiB, 500 ms$/m,
    /^applied +1\/488 +12 records, 3\.4 KiB, 500 ms$/m,
    /^master +1\/500$/m,
    /^master +cities \(http:\/\/127\.0\.0\.1:7474\)$/m,
    /^last replicated modification +2026-07-29 13:38:04Z/m,
  ]) {
    expect(ran.out).toMatch(expected);
  }
});

it('says what to do in a terminal state', async () => {
  const diverged = { ...aReplica, state: 'diverged', message: 'recreate it' } as const;
  const administration = fakeAdministration({ status: () => Promise.resolve(diverged) });
  const ran = await runWith(administration, ['status', 'cities-replica']);
  expect(ran.out).toMatch(/^what to do +recreate it$/m);
});

it('shows no side of a master where there is none', async () => {
  const ran = await runWith(fakeAdministration(), ['status', 'cities']);
  expect(ran.out).not.toContain('replicated');
});

it('without a name shows all databases in a table', async () => {
  const administration = fakeAdministration({ list: () => Promise.resolve([aStatus, aReplica]) });
  const ran = await runWith(administration, ['status']);
  expect(ran.out).toMatch(/^cities-replica +replica +catching-up +1\/488 +12 records/m);
  const json = await runWith(administration, ['status', '--json']);
  expect(json.objects).toMatchObject([
    { databases: [{ name: 'cities' }, { name: 'cities-replica' }] },
  ]);
});

it('P9 one that cannot be asked hides no other, and shows in the exit status', async () => {
  const administration = fakeAdministration({
    list: () => Promise.resolve([aStatus, aReplica]),
    status: (name) =>
      name === 'cities' ? Promise.reject(notFound(name)) : Promise.resolve(aReplica),
  });
  const ran = await runWith(administration, ['status']);
  expect(ran.status).toBe(3);
  expect(ran.out).toContain('cities-replica');
  expect(ran.err).toMatch(/^DATABASE_NOT_FOUND: /);
  const json = await runWith(administration, ['status', '--json']);
  expect(json).toMatchObject({
    status: 3,
    err: '',
    objects: [{ errors: [{ name: 'cities', error: { code: 'DATABASE_NOT_FOUND' } }] }],
  });
});

it('shows copies that were replaced, with their size and what to do with them', async () => {
  const replaced = [{ path: '/data/.replaced/cities-2026', sizeBytes: 2_097_152 }];
  const status = () => Promise.resolve({ ...aStatus, replaced });
  const { out } = await runWith(fakeAdministration({ status }), ['status', 'cities']);
  expect(out).toMatch(
    /^kept copies +\/data\/\.replaced\/cities-2026 \(2\.0 MiB\); remove a folder/m,
  );
});
