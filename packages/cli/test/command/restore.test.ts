import { expect, it } from 'vitest';
import { aRestore, fakeAdministration, runWith } from '../fake-administration.js';

it('asks for a copy at a position and says what it is good for', async () => {
  const administration = fakeAdministration();
  const argv = ['restore', 'cities', '--as', 'copy', '--until-position', '1/7'];
  const ran = await runWith(administration, argv);
  expect(ran.status).toBe(0);
  expect(administration.calls[0]).toEqual([
    'restore',
    'cities',
    { as: 'copy', untilPosition: '1/7' },
  ]);
  expect(ran.out).toContain('Restored copy to 1/7 (2026-07-29 13:38:05.012Z)');
  expect(ran.out).toContain('2 records in 1 segment, 2.0 KiB');
  expect(ran.err).toContain('"pamina start copy" makes it a normal database on a timeline');
});

it('gives paths below the folder where it runs, and ids, tags and addresses as they are', async () => {
  const administration = fakeAdministration();
  for (const [backup, from] of [
    ['start', 'safe/cities'],
    ['backups/0000000000000005-1', 'pamina://cities'],
    ['start', 'main'],
  ] as const) {
    await runWith(administration, ['restore', 'cities', backup, '--from', from]);
  }
  const asked = administration.calls.filter(([call]) => call === 'restore');
  expect(asked.map(([, , options]) => options)).toEqual([
    { backup: 'start', from: '/nowhere/safe/cities' },
    { backup: '/nowhere/backups/0000000000000005-1', from: 'pamina://cities' },
    { backup: 'start', from: 'main' },
  ]);
});

it('prints the plan of a dry run with its files, and no advice', async () => {
  const plan = { ...aRestore, dryRun: true, stateHash: null };
  const administration = fakeAdministration({ restore: () => Promise.resolve(plan) });
  const ran = await runWith(administration, ['restore', 'cities', '--dry-run', '--recover', 'all']);
  expect(administration.calls[0]?.[2]).toEqual({ recover: 'all', dryRun: true });
  expect(ran.out).toContain('Would restore copy to 1/7');
  expect(ran.out).toContain('1-0f/00000003/0000000000000006.seg  records 6 to 7, 2.0 KiB');
  expect(ran.err).toBe('');
  const json = await runWith(administration, ['restore', 'cities', '--dry-run', '--json']);
  expect(json.objects).toEqual([plan]);
});

it('P11 says what a restore in place means for replicas', async () => {
  const replaced = {
    ...aRestore,
    name: 'cities',
    how: 'replaced',
    kept: '/data/.replaced/x',
  } as const;
  const administration = fakeAdministration({ restore: () => Promise.resolve(replaced) });
  const ran = await runWith(administration, [
    'restore',
    'cities',
    '--until-tag',
    'start',
    '--stop',
  ]);
  expect(administration.calls[0]?.[2]).toEqual({ untilTag: 'start', stop: true });
  expect(ran.out).toContain('kept    /data/.replaced/x');
  expect(ran.err).toContain(
    'Replicas of the old one stop: with DIVERGED those that have more, with LOG_GONE the others.',
  );
  const kept = { ...aRestore, name: 'cities', how: 'recovered', keepsTimeline: true } as const;
  const inPlace = fakeAdministration({ restore: () => Promise.resolve(kept) });
  expect((await runWith(inPlace, ['restore', 'cities'])).err).toContain(
    'replicas follow as before',
  );
});

it('P9 refuses two targets, and what is none, before anything is asked', async () => {
  const administration = fakeAdministration();
  for (const words of [
    ['--recover', 'all', '--until-position', '1/7'],
    ['--recover', 'some'],
    ['--until-position', 'seven'],
    ['--until-time', 'yesterday'],
  ]) {
    expect(await runWith(administration, ['restore', 'cities', ...words])).toMatchObject({
      status: 2,
      out: '',
    });
  }
  expect(administration.calls).toEqual([]);
});
