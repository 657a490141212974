import { expect, it } from 'vitest';
import { aRebuild, fakeAdministration, runWith } from '../fake-administration.js';

it('says from what the store was rebuilt and where the old one is', async () => {
  const administration = fakeAdministration();
  const ran = await runWith(administration, ['rebuild', 'cities', '--stop']);
  expect(ran).toMatchObject({ status: 0, err: '' });
  expect(ran.out).toContain(
    `The store of cities was rebuilt from backup ${aRebuild.backup} and 48,208 records of log, to 1/48213`,
  );
  expect(ran.out).toContain('kept  /data/cities/store.kept-2026');
  const request = { dryRun: false, removeKept: false, stop: true };
  expect(administration.calls[0]).toMatchObject(['rebuild', 'cities', request]);
});

it('a dry run says what would be done', async () => {
  const planned = { ...aRebuild, entries: null, stateHash: null, kept: [] };
  const administration = fakeAdministration({ rebuild: () => Promise.resolve(planned) });
  const ran = await runWith(administration, ['rebuild', 'cities', '--dry-run']);
  expect(ran.out).toMatch(/^The store of cities would be rebuilt from backup .*\n$/);
});

it('lists what was removed', async () => {
  const removed = { ...aRebuild, backup: null, entries: null, kept: [], removed: ['/data/x'] };
  const administration = fakeAdministration({ rebuild: () => Promise.resolve(removed) });
  const ran = await runWith(administration, ['rebuild', 'cities', '--remove-kept']);
  expect(ran.out).toBe('removed  /data/x\n');
});
