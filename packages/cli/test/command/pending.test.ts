import { expect, it } from 'vitest';
import { aLogLine, aReplica, fakeAdministration, runWith } from '../fake-administration.js';

const waiting = (paused: boolean) => {
  const applying = { delayMs: 60_000, paused, since: 0, waiting: 1, nextAt: null };
  return { status: () => Promise.resolve({ ...aReplica, applying }) };
};

it('prints the records behind what is applied', async () => {
  const administration = fakeAdministration(waiting(false));
  const ran = await runWith(administration, ['pending', 'cities-replica', '--limit', '5']);
  expect(ran.out).toContain(aLogLine.position);
  expect(administration.calls).toContainEqual(['log', 'cities-replica', { from: 489, limit: 5 }]);
  expect(ran.err).toContain('pamina apply cities-replica --until-position');
});

it.each([
  [false, aLogLine.time + 60_000],
  [true, null],
])('with --json says when each is applied (paused: %s)', async (paused, dueAt) => {
  const administration = fakeAdministration(waiting(paused));
  const ran = await runWith(administration, ['pending', 'cities-replica', '--json']);
  expect(ran.objects).toMatchObject([{ position: aLogLine.position, dueAt }]);
});

it('P9 refuses a database that is no replica', async () => {
  const ran = await runWith(fakeAdministration(), ['pending', 'cities']);
  expect(ran).toMatchObject({ status: 4, out: '' });
  expect(ran.err).toMatch(/^DATABASE_TYPE: /);
});
