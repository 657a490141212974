import { expect, it } from 'vitest';
import { fakeAdministration, runWith } from '../fake-administration.js';

it('stops a database and prints what it is now', async () => {
  const administration = fakeAdministration();
  const ran = await runWith(administration, ['stop', 'cities']);
  expect(ran).toMatchObject({
    status: 0,
    out: 'Stopped cities: normal, offline, position 1/5\n',
    err: '',
  });
  expect(administration.calls[0]).toEqual(['stop', 'cities']);
});

it('prints the whole status with --json', async () => {
  const ran = await runWith(fakeAdministration(), ['stop', 'cities', '--json']);
  expect(ran.objects).toMatchObject([{ name: 'cities', state: 'offline', backups: { count: 2 } }]);
});
