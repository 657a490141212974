import { PaminaError } from '@pamina/format';
import { expect, it } from 'vitest';
import { fakeAdministration, runWith } from '../fake-administration.js';

it('prints the value as it is', async () => {
  const administration = fakeAdministration({ get: () => Promise.resolve('"a\u0007" {1}') });
  const ran = await runWith(administration, ['get', 'cities', 'k']);
  expect(ran).toMatchObject({ status: 0, out: '"a\u0007" {1}\n', err: '' });
  expect(administration.calls[0]).toEqual(['get', 'cities', 'k']);
});

it('P12 demands a position and an age', async () => {
  const administration = fakeAdministration();
  const words = ['get', 'cities', 'k', '--after', '1/7', '--timeout-ms', '100'];
  await runWith(administration, [...words, '--max-staleness-ms', '5000']);
  const demands = { after: '1/7', timeoutMs: 100, maxStalenessMs: 5000 };
  expect(administration.calls[0]).toEqual(['get', 'cities', 'k', demands]);
});

it('prints an empty value as an empty line', async () => {
  const administration = fakeAdministration({ get: () => Promise.resolve('') });
  expect(await runWith(administration, ['get', 'cities', 'k'])).toMatchObject({ out: '\n' });
});

it('prints key and value with --json', async () => {
  const ran = await runWith(fakeAdministration(), ['get', 'cities', 'k', '--json']);
  expect(ran.objects).toEqual([{ key: 'k', value: 'value' }]);
});

it('P9 ends with status 3 and prints nothing on stdout when there is no such key', async () => {
  const missing = new PaminaError('KEY_NOT_FOUND', 'cities has no key k');
  const administration = fakeAdministration({ get: () => Promise.reject(missing) });
  const ran = await runWith(administration, ['get', 'cities', 'k']);
  expect(ran).toMatchObject({ status: 3, out: '' });
  expect(ran.err).toMatch(/^KEY_NOT_FOUND: cities has no key k\. /);
});
