import { expect, it } from 'vitest';
import { fakeAdministration, runWith } from '../fake-administration.js';

it('prints of each backup what becomes of it and why, then what is freed and which log is needed', async () => {
  const administration = fakeAdministration();
  const ran = await runWith(administration, ['expire', 'cities', '--dry-run']);
  expect(ran.status).toBe(0);
  expect(ran.out).toMatch(/^0000000000000009-1 +full +5\.0 MiB +kept +generation 1 of 3$/m);
  expect(ran.out).toMatch(/^0000000000000005-1 +full +2\.0 MiB +would go +beyond the 3 newest$/m);
  expect(ran.out).toContain('1 backup would be removed, 2.0 MiB freed.\n');
  expect(ran.out).toContain('The backups that stay need the log from record 10 on, 4.0 KiB.\n');
  expect(administration.calls[0]).toEqual(['expire', 'cities', { dryRun: true }]);
});

it('says what it removed without --dry-run, and all of it with --json', async () => {
  const ran = await runWith(fakeAdministration(), ['expire', 'cities']);
  expect(ran.out).toMatch(/^0000000000000005-1 .* removed +beyond/m);
  const json = await runWith(fakeAdministration(), ['expire', 'cities', '--json']);
  expect(json.objects).toMatchObject([
    { removed: ['0000000000000005-1'], freedBytes: 2_097_152, keepFromSeq: 10, dryRun: false },
  ]);
});

it('looks into an archive by its name, its address, or its folder seen from here', async () => {
  const administration = fakeAdministration();
  for (const from of ['cloud', 's3://bucket/x', './archive']) {
    await runWith(administration, ['expire', 'cities', '--from', from]);
  }
  const asked = administration.calls.filter(([name]) => name === 'expire');
  expect(asked.map(([, , options]) => (options as { from: string }).from)).toEqual([
    'cloud',
    's3://bucket/x',
    '/nowhere/archive',
  ]);
});

it('takes a rule for an archive that no database here has, and only for one', async () => {
  const administration = fakeAdministration();
  const ran = await runWith(administration, [
    ...['expire', 'cities', '--from', './archive', '--keep-generations', '2'],
    ...['--keep-monthly', '12', '--keep-hours', '0', '--identity-file', 'key.txt', '--abandoned'],
  ]);
  expect(ran.status).toBe(0);
  const [, , options] = administration.calls.find(([name]) => name === 'expire') ?? [];
  expect(options).toMatchObject({
    from: '/nowhere/archive',
    identityFile: '/nowhere/key.txt',
    abandoned: true,
    keep: { generations: 2, monthly: 12, keepHours: 0 },
  });
  for (const argv of [
    ['expire', 'cities', '--keep-generations', '2'],
    ['expire', 'cities', '--from', './archive', '--abandoned'],
    ['expire', 'cities', '--from', 'main', '--keep-daily', '2'],
    ['expire', 'cities', '--from', 'main', '--keep-generations', '0'],
  ]) {
    expect((await runWith(fakeAdministration(), argv)).status).toBe(2);
  }
});
