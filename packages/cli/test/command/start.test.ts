import { expect, it } from 'vitest';
import { fakeAdministration, runWith } from '../fake-administration.js';

it('starts a database and prints what it is now', async () => {
  const administration = fakeAdministration();
  const ran = await runWith(administration, ['start', 'cities']);
  expect(ran).toMatchObject({
    status: 0,
    out: 'Started cities: normal, open, position 1/5\n',
    err: '',
  });
  expect(administration.calls[0]).toEqual(['start', 'cities']);
});

it('prints the whole status with --json', async () => {
  const ran = await runWith(fakeAdministration(), ['start', 'cities', '--json']);
  expect(ran.objects).toMatchObject([{ name: 'cities', state: 'open', backups: { count: 2 } }]);
});
