import { expect, it } from 'vitest';
import { fakeAdministration, runWith } from '../fake-administration.js';

it('takes a backup and prints its id, position and size', async () => {
  const administration = fakeAdministration();
  const ran = await runWith(administration, ['backup', 'cities', '--tag', 'demo']);
  expect(ran).toMatchObject({
    status: 0,
    out: 'Backup 0000000000000005-1 of cities at position 1/5: 138,398 entries, 5.0 MiB stored, tag demo\n',
  });
  expect(administration.calls[0]).toEqual(['backup', 'cities', { tag: 'demo' }]);
});

it('prints the summary with --json', async () => {
  const ran = await runWith(fakeAdministration(), ['backup', 'cities', '--json']);
  expect(ran.objects).toMatchObject([{ id: '0000000000000005-1', entries: 138_398 }]);
});
