import { expect, it } from 'vitest';
import { fakeAdministration, runWith } from '../fake-administration.js';

it('prints one database a line', async () => {
  const ran = await runWith(fakeAdministration(), ['list']);
  expect(ran).toMatchObject({ status: 0, err: '' });
  expect(ran.out.split('\n')).toEqual([
    'name    type    state  position      size',
    'cities  normal  open   1/5       64.0 MiB',
    '',
  ]);
});

it('prints nothing on stdout when there is no database, and says where it looked', async () => {
  const ran = await runWith(fakeAdministration({ list: () => Promise.resolve([]) }), ['list'], {
    env: { PAMINA_DATA: '/data' },
  });
  expect(ran).toMatchObject({ status: 0, out: '' });
  expect(ran.err).toContain('No databases in /data.');
});

it('prints one object with --json', async () => {
  const ran = await runWith(fakeAdministration(), ['list', '--json']);
  expect(ran.objects).toMatchObject([{ databases: [{ name: 'cities' }] }]);
});
