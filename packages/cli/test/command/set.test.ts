import { expect, it } from 'vitest';
import { fakeAdministration, runWith } from '../fake-administration.js';

it('sets a property; the value may contain an equals sign or be empty', async () => {
  const administration = fakeAdministration();
  const ran = await runWith(administration, ['set', 'cities', 'replicationDelayMs=0']);
  expect(ran).toMatchObject({ status: 0, out: 'replicationDelayMs  0\n' });
  await runWith(administration, ['set', 'cities', 'a=b=c']);
  await runWith(administration, ['set', 'cities', 'a=']);
  expect(administration.calls.filter(([name]) => name === 'set')).toEqual([
    ['set', 'cities', 'replicationDelayMs', '0'],
    ['set', 'cities', 'a', 'b=c'],
    ['set', 'cities', 'a', ''],
  ]);
});

it.each(['replicationDelayMs', '=0', ''])('P9 refuses %j as an assignment', async (text) => {
  const administration = fakeAdministration();
  const ran = await runWith(administration, ['set', 'cities', text]);
  expect(ran.status).toBe(2);
  expect(administration.calls).toEqual([]);
});
