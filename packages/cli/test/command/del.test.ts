import { expect, it } from 'vitest';
import { fakeAdministration, runWith } from '../fake-administration.js';

it('deletes a key and prints the position', async () => {
  const administration = fakeAdministration();
  const ran = await runWith(administration, ['del', 'cities', 'k']);
  expect(ran).toMatchObject({ status: 0, out: '1/7\n' });
  expect(administration.calls[0]).toEqual(['del', 'cities', 'k']);
});
