import { expect, it } from 'vitest';
import { aStatus, fakeAdministration, runWith } from '../fake-administration.js';

it('creates an empty database in the data folder', async () => {
  const administration = fakeAdministration();
  const ran = await runWith(administration, ['create', 'cities']);
  expect(ran).toEqual({
    status: 0,
    out: 'Created cities: normal, open, position 1/5\n',
    err: '',
    objects: [],
  });
  expect(administration.calls[0]).toEqual(['create', 'cities', { fromBackup: undefined }]);
});

it('takes the path of a backup from the folder where the command runs, a URL as it is', async () => {
  const administration = fakeAdministration();
  await runWith(administration, ['create', 'a', '--from-backup', 'backups/1'], { cwd: '/home/me' });
  await runWith(administration, ['create', 'b', '--from-backup', 'pamina://cities']);
  await runWith(administration, [
    'create',
    'c',
    '--from-backup',
    'http://h:1/v1/databases/x/backups/1',
  ]);
  expect(administration.calls.filter(([name]) => name === 'create').map((call) => call[2])).toEqual(
    [
      { fromBackup: '/home/me/backups/1' },
      { fromBackup: 'pamina://cities' },
      { fromBackup: 'http://h:1/v1/databases/x/backups/1' },
    ],
  );
});

it('says what an unassigned database can become, on stderr only', async () => {
  const unassigned = { ...aStatus, name: 'copy', type: 'unassigned', state: 'offline' } as const;
  const administration = fakeAdministration({ create: () => Promise.resolve(unassigned) });
  const text = await runWith(administration, ['create', 'copy', '--from-backup', '/b']);
  expect(text.err).toContain('pamina replicate copy --master NAME');
  const json = await runWith(administration, ['create', 'copy', '--from-backup', '/b', '--json']);
  expect(json).toMatchObject({ err: '', objects: [{ name: 'copy', type: 'unassigned' }] });
});
