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

it('P11 says of a database that takes no writes for whom', async () => {
  const fence = { since: 1, successor: 'cities-2', takenOver: false };
  const one = { name: 'cities', type: 'normal', online: true, state: 'open' } as const;
  const place = { position: '1/5', sizeBytes: 1 };
  const list = () =>
    Promise.resolve([
      { ...one, ...place, fence },
      { ...one, ...place, name: 'old', fence: { ...fence, takenOver: true } },
      { ...one, ...place, name: 'towns', fence: null },
    ]);
  const { out } = await runWith(fakeAdministration({ list }), ['list']);
  expect(out).toMatch(/^cities +normal +open, fenced for cities-2 +1\/5/m);
  expect(out).toMatch(/^old +normal +open, cities-2 has its place +1\/5/m);
  expect(out).toMatch(/^towns +normal +open +1\/5/m);
});
