import { expect, it } from 'vitest';
import { aReplica, fakeAdministration, runWith } from '../fake-administration.js';

const paused = { status: () => Promise.resolve({ ...aReplica, state: 'paused' as const }) };

it('pauses a replica and says what it is now', async () => {
  const administration = fakeAdministration(paused);
  const ran = await runWith(administration, ['pause', 'cities-replica']);
  expect(ran.out).toBe('cities-replica: replica, paused, position 1/488\n');
  expect(administration.calls[0]).toEqual(['set', 'cities-replica', 'applyPaused', 'true']);
});

it('prints the whole status with --json', async () => {
  const ran = await runWith(fakeAdministration(paused), ['pause', 'cities-replica', '--json']);
  expect(ran.objects).toMatchObject([{ name: 'cities-replica', state: 'paused' }]);
});
