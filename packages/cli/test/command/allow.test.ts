import { expect, it } from 'vitest';
import { fakeAdministration, runWith } from '../fake-administration.js';

it('permits a replica on its master', async () => {
  const administration = fakeAdministration();
  const ran = await runWith(administration, ['allow', 'cities', 'r1', '--simultaneous-query']);
  expect(ran.out).toBe('r1 may replicate from cities\n');
  expect(administration.calls[0]).toEqual(['allow', 'cities', 'r1', { simultaneousQuery: true }]);
});

it('prints what is permitted now with --json', async () => {
  const ran = await runWith(fakeAdministration(), ['allow', 'cities', 'r1', '--json']);
  expect(ran.objects).toEqual([
    { master: 'cities', replica: 'r1', permitted: true, simultaneousQuery: false },
  ]);
});
