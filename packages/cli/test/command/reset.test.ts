import { expect, it } from 'vitest';
import { fakeAdministration, runWith } from '../fake-administration.js';

it('makes a replica normal', async () => {
  const administration = fakeAdministration();
  const ran = await runWith(administration, ['reset', 'cities-replica']);
  expect(ran.out).toBe('Reset cities-replica: normal, open, position 1/5\n');
  expect(administration.calls[0]).toEqual(['reset', 'cities-replica', {}]);
});

it('makes it normal behind a position, and says so before', async () => {
  const administration = fakeAdministration();
  const until = ['reset', 'cities-replica', '--until-position', '1/490'];
  const planned = await runWith(administration, [...until, '--dry-run', '--json']);
  expect(planned.objects).toMatchObject([{ dryRun: true, until: '1/490' }]);
  await runWith(administration, until);
  expect(administration.calls).toContainEqual([
    'reset',
    'cities-replica',
    { untilPosition: '1/490' },
  ]);
});

it('with --dry-run only says what would be done', async () => {
  const administration = fakeAdministration();
  const ran = await runWith(administration, ['reset', 'cities-replica', '--dry-run']);
  expect(ran.out).toContain('up to 1/500 (applied so far: 1/488)');
  expect(ran.out).toContain('never follow cities again');
  expect(administration.calls.map(([name]) => name)).toEqual(['status', 'close']);
});

it('P9 refuses a dry run on a database that is no replica', async () => {
  const ran = await runWith(fakeAdministration(), ['reset', 'cities', '--dry-run']);
  expect(ran).toMatchObject({ status: 4, out: '' });
  expect(ran.err).toMatch(/^DATABASE_TYPE: /);
});
