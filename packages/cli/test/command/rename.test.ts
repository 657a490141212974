import { expect, it } from 'vitest';
import { fakeAdministration, runWith } from '../fake-administration.js';

it('renames a database', async () => {
  const administration = fakeAdministration();
  const ran = await runWith(administration, ['rename', 'cities-replica', 'cities']);
  expect(ran.out).toBe('Renamed cities-replica to cities: normal, open, position 1/5\n');
  expect(administration.calls[0]).toEqual(['rename', 'cities-replica', 'cities']);
});
