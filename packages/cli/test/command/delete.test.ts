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

it('P9 says which archives stay, and which one was not told that nothing comes any more', async () => {
  const archives = [
    { name: 'main', address: '/safe', problem: null },
    { name: 'cloud', address: 's3://bucket', problem: 'nobody answers' },
  ];
  const report = { removed: ['cities/store'], kept: [], archives };
  const administration = fakeAdministration({ delete: () => Promise.resolve(report) });
  const ran = await runWith(administration, ['delete', 'cities']);
  expect(ran.out).toBe('removed  cities/store\nkept  /safe\nkept  s3://bucket\n');
  expect(ran.err).toMatch(/s3:\/\/bucket was not told .*nobody answers.*--abandoned/);
  expect(ran.err).not.toContain('/safe');
});
