import { expect, it } from 'vitest';
import { fakeAdministration, runWith } from '../fake-administration.js';

it('takes the permission back', async () => {
  const administration = fakeAdministration();
  const ran = await runWith(administration, ['deny', 'cities', 'r1', '--json']);
  expect(ran.objects).toEqual([{ master: 'cities', replica: 'r1', permitted: false }]);
  expect(administration.calls[0]).toEqual(['deny', 'cities', 'r1']);
});
