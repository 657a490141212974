import { expect, it } from 'vitest';
import { aFailover, fakeAdministration, runWith } from '../fake-administration.js';

it('lets a replica take over, and says what was lost', async () => {
  const administration = fakeAdministration();
  const ran = await runWith(administration, ['failover', 'cities', '--to', 'cities-replica']);
  expect(ran.status).toBe(0);
  expect(ran.out).toContain('cities-replica is cities now at http://127.0.0.1:7475, from 2/500 on');
  expect(ran.out).toContain('No commits were lost.');
  expect(administration.calls[0]).toEqual(['failover', 'cities', { to: 'cities-replica' }]);
});

it('P9 says what is known to be lost, and that more may be', async () => {
  const dead = { ...aFailover, fenced: false, masterProblem: 'it does not answer' };
  const some = fakeAdministration({
    failover: () => Promise.resolve({ ...dead, lost: { records: 7, isCertain: false } }),
  });
  const ran = await runWith(some, ['failover', 'cities', '--timeout', '5', '--accept-loss']);
  expect(ran.out).toContain('At least 7 records of the old master were lost');
  expect(ran.out).toContain('could not be told to stop: it does not answer');
  const none = fakeAdministration({
    failover: () => Promise.resolve({ ...dead, lost: { records: 0, isCertain: false } }),
  });
  expect((await runWith(none, ['failover', 'cities'])).out).toContain('is not known');
});

it('with --dry-run says who would take over', async () => {
  const administration = fakeAdministration();
  const ran = await runWith(administration, ['failover', 'cities', '--dry-run']);
  expect(ran.out).toContain('cities-replica would take over cities');
  expect(ran.out).toContain('Nothing was changed.');
  expect(administration.calls[0]).toEqual(['failover', 'cities', { dryRun: true }]);
});

it('brings an old master back, and says where what only it had is', async () => {
  const administration = fakeAdministration();
  const ran = await runWith(administration, ['rejoin', 'cities', '--as', 'cities-old']);
  expect(ran.out).toContain('cities follows cities as cities-old');
  expect(ran.out).toContain('3 commits that only it had are in /data/.rescue/cities.ndjson');
  expect(administration.calls[0]).toEqual(['rejoin', 'cities', { as: 'cities-old' }]);
});

it('takes a fence away', async () => {
  const administration = fakeAdministration();
  const ran = await runWith(administration, ['unfence', 'cities']);
  expect(ran.out).toBe('cities: normal, open, position 1/5\n');
});
