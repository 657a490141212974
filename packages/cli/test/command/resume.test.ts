import { expect, it } from 'vitest';
import { fakeAdministration, runWith } from '../fake-administration.js';

it('lets a replica apply again and says what it is now', async () => {
  const administration = fakeAdministration();
  const ran = await runWith(administration, ['resume', 'cities-replica']);
  expect(ran.out).toBe('cities-replica: replica, catching-up, position 1/488\n');
  expect(administration.calls[0]).toEqual(['set', 'cities-replica', 'applyPaused', 'false']);
});
