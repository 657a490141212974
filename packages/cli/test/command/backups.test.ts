import { expect, it } from 'vitest';
import { fakeAdministration, runWith } from '../fake-administration.js';

it('prints one backup a line', async () => {
  const ran = await runWith(fakeAdministration(), ['backups', 'cities']);
  expect(ran.out).toMatch(
    /^0000000000000005-1 +full +logical +demo +1\/5 +2026-07-29 13:38:05Z +138,398 +5\.0 MiB +40\.0 MiB$/m,
  );
});

it('says how to take one when there is none', async () => {
  const administration = fakeAdministration({ backups: () => Promise.resolve([]) });
  const ran = await runWith(administration, ['backups', 'cities']);
  expect(ran).toMatchObject({ status: 0, out: '' });
  expect(ran.err).toContain('pamina backup cities');
});
