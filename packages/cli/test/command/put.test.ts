import { expect, it } from 'vitest';
import { fakeAdministration, runWith } from '../fake-administration.js';

it('writes the words as they were given and prints the position', async () => {
  const administration = fakeAdministration();
  const ran = await runWith(administration, ['put', 'cities', '007', '"quoted"']);
  expect(ran).toMatchObject({ status: 0, out: '1/6\n' });
  expect(administration.calls[0]).toEqual(['put', 'cities', '007', '"quoted"']);
});

it('prints the position as an object with --json', async () => {
  const ran = await runWith(fakeAdministration(), ['put', 'cities', 'a', 'b', '--json']);
  expect(ran.objects).toEqual([{ position: '1/6' }]);
});
