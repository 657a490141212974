import { expect, it } from 'vitest';
import { fakeAdministration, runWith } from '../fake-administration.js';

it('deletes without asking and prints what went', async () => {
  const administration = fakeAdministration();
  const ran = await runWith(administration, ['delete', 'cities']);
  expect(ran).toMatchObject({ status: 0, out: 'removed  cities/store\n' });
  expect(administration.calls[0]).toEqual([
    'delete',
    'cities',
    { keepBackups: false, dryRun: false },
  ]);
});

it('with --dry-run says what would go and stay', async () => {
  const administration = fakeAdministration({
    delete: () => Promise.resolve({ removed: ['cities/store'], kept: ['cities/backups'] }),
  });
  const ran = await runWith(administration, ['delete', 'cities', '--keep-backups', '--dry-run']);
  expect(ran.out).toBe('would remove  cities/store\nwould keep  cities/backups\n');
  expect(administration.calls[0]).toEqual([
    'delete',
    'cities',
    { keepBackups: true, dryRun: true },
  ]);
});

it('prints one object with --json', async () => {
  const ran = await runWith(fakeAdministration(), ['delete', 'cities', '--json']);
  expect(ran.objects).toEqual([{ removed: ['cities/store'], kept: [], dryRun: false }]);
});
