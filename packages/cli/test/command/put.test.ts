import { expect, it } from 'vitest';
import { fakeAdministration, runWith } from '../fake-administration.js';

it('writes the words as they were given and prints the position', async () => {
  const administration = fakeAdministration();
  const ran = await runWith(administration, ['put', 'cities', '007', '"quoted"']);
  expect(ran).toMatchObject({ status: 0, out: '1/6\n' });
  expect(administration.calls[0]).toEqual(['put', 'cities', '007', '"quoted"']);
});

it('asks for the replicas that it is told of', async () => {
  const administration = fakeAdministration();
  const words = ['put', 'cities', 'a', 'b', '--replicas', '2', '--names', 'x,y'];
  await runWith(administration, [...words, '--policy', 'degrade', '--timeout-ms', '500']);
  const durability = { replicas: 2, names: ['x', 'y'], policy: 'degrade', timeoutMs: 500 };
  expect(administration.calls[0]).toEqual(['put', 'cities', 'a', 'b', { durability }]);
});

it.each([
  ['--replicas', '0'],
  ['--policy', 'wait'],
  ['--replicas', '1', '--policy', 'never'],
])('P9 refuses %s %s', async (...options) => {
  const administration = fakeAdministration();
  const ran = await runWith(administration, ['put', 'cities', 'a', 'b', ...options]);
  expect(ran.status).toBe(2);
  expect(administration.calls).toEqual([]);
});

it('prints the position as an object with --json', async () => {
  const ran = await runWith(fakeAdministration(), ['put', 'cities', 'a', 'b', '--json']);
  expect(ran.objects).toEqual([{ position: '1/6' }]);
});
