import { expect, it } from 'vitest';
import { fakeAdministration, runWith } from '../fake-administration.js';

it('prints one backup a line', async () => {
  const ran = await runWith(fakeAdministration(), ['backups', 'cities']);
  expect(ran.out).toMatch(
    /^0000000000000005-1 +full +logical +demo +1\/5 +2026-07-29 13:38:05Z +138,398 +5\.0 MiB +40\.0 MiB/m,
  );
});

it('says how to take one when there is none', async () => {
  const administration = fakeAdministration({ backups: () => Promise.resolve([]) });
  const ran = await runWith(administration, ['backups', 'cities']);
  expect(ran).toMatchObject({ status: 0, out: '' });
  expect(ran.err).toContain('pamina backup cities');
});

it('says of each why it stays or goes, and what is wrong with it', async () => {
  const fake = fakeAdministration();
  const one = (await fake.backups('cities')).at(0)!;
  const rows = [
    { ...one, id: 'a', reasons: ['its tag demo', 'generation 1 of 3'], isDue: false },
    { ...one, id: 'b', reasons: ['beyond the 3 newest'], isDue: true },
    { ...one, id: 'c', problem: 'chunk-000000.pbk is missing' },
  ];
  const administration = fakeAdministration({ backups: () => Promise.resolve(rows) });
  const ran = await runWith(administration, ['backups', 'cities']);
  expect(ran.out).toMatch(/^a .* its tag demo; generation 1 of 3$/m);
  expect(ran.out).toMatch(/^b .* goes at the next expiry: beyond the 3 newest$/m);
  expect(ran.out).toMatch(/^c .* DAMAGED: chunk-000000\.pbk is missing$/m);
});

it('of a deleted database says where its backups are and how to restore one', async () => {
  const fake = fakeAdministration();
  const one = (await fake.backups('cities')).at(0)!;
  const kept = [{ ...one, problem: null, folder: '/data/.kept-backups/cities-then/5-1' }];
  const administration = fakeAdministration({ backups: () => Promise.resolve(kept) });
  const ran = await runWith(administration, ['backups', 'cities']);
  expect(ran.err).toContain(
    'pamina create cities --from-backup /data/.kept-backups/cities-then/5-1',
  );
});

it('lists those in an archive, by its name or folder, and says which expired and when they go', async () => {
  const fake = fakeAdministration();
  const one = (await fake.backups('cities')).at(0)!;
  const retired = { since: Date.UTC(2026, 6, 30), goesAt: Date.UTC(2026, 6, 31) };
  const administration = fakeAdministration({
    backups: () => Promise.resolve([{ ...one, problem: null, retired }]),
  });
  const ran = await runWith(administration, ['backups', 'cities', '--from', './archive']);
  expect(administration.calls[0]).toEqual(['backups', 'cities', { from: '/nowhere/archive' }]);
  expect(ran.out).toMatch(
    /^0000000000000005-1 .* expired 2026-07-30 00:00:00Z, goes at the first expiry after 2026-07-31 00:00:00Z$/m,
  );
  const json = await runWith(administration, ['backups', 'cities', '--from', 'main', '--json']);
  expect(json.objects).toMatchObject([{ backups: [{ retired }] }]);
});
