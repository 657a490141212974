// The report, and the exit status that cron goes by.
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { VerifyCheck, VerifyReport } from '@pamina/wire';
import { afterEach, expect, it } from 'vitest';
import { aVerification, fakeAdministration, runCommand, runWith } from '../fake-administration.js';

const [sound] = aVerification.checks as [VerifyCheck];

function reporting(...checks: Partial<VerifyCheck>[]) {
  const all = checks.map((check) => ({ ...sound, ...check }));
  const verdict = all.find((check) => check.verdict !== 'verified')?.verdict ?? 'verified';
  const report: VerifyReport = { verdict, checks: all };
  return fakeAdministration({ verify: () => Promise.resolve(report) });
}

const damage: Partial<VerifyCheck> = {
  check: 'content',
  subject: '/data/cities/store',
  verdict: 'damaged',
  message: 'the store differs in 12 keys',
  code: 'STATE_HASH_MISMATCH',
  problems: ['the store differs in 12 keys', 'another problem'],
  problemCount: 3,
  differences: [{ space: 'user', key: 'city-\u001b7', what: 'missing' }],
};

it('P9 ends with 0 only if everything that was asked is verified', async () => {
  const administration = fakeAdministration();
  const ran = await runWith(administration, ['verify', 'cities', '--max-age', '7', '--deep']);
  expect(ran).toMatchObject({ status: 0, err: '' });
  expect(ran.out).toContain('verdict: ok');
  expect(ran.out).toContain('every file is what the manifest says, 2.0 KiB read');
  const request = { deep: true, again: false, maxAgeMs: 7 * 24 * 60 * 60 * 1000 };
  expect(administration.calls[0]).toMatchObject(['verify', 'cities', request]);
});

it('P9 ends with 6 if something is damaged, and names it', async () => {
  const ran = await runWith(reporting({}, damage), ['verify', 'cities', '--deep']);
  expect(ran.status).toBe(6);
  expect(ran.out).toContain('DAMAGED       content of /data/cities/store');
  expect(ran.out).toContain('    another problem');
  expect(ran.out).toContain('    missing: user key city-\\x1b7');
  expect(ran.out).toContain('    and 1 more problem');
  expect(ran.err).toMatch(/^STATE_HASH_MISMATCH: cities is damaged: the store differs/);
});

it('P9 ends with 11 if it could not be told, whatever the reason is', async () => {
  const check: Partial<VerifyCheck> = {
    check: 'chain',
    verdict: 'unverified',
    message: 'record 9 is not there',
    code: 'POSITION_UNREACHABLE',
  };
  const ran = await runWith(reporting(check), [
    'verify',
    'cities',
    'tag',
    '--until-position',
    '1/9',
  ]);
  expect(ran.status).toBe(11);
  expect(ran.err).toMatch(/^NOT_VERIFIED: cities is unverified: record 9 is not there/);
});

it('a remembered check says when it was done', async () => {
  const ran = await runWith(reporting({ rememberedAt: Date.UTC(2026, 6, 29), bytes: 0 }), [
    'verify',
    'cities',
  ]);
  expect(ran.out).toContain('(2026-07-29 00:00:00Z)');
});

it('refuses what makes no sense before anything is asked', async () => {
  for (const argv of [
    ['verify', './folder', 'tag'],
    ['verify', 'cities', '--until-position', '1/5'],
    ['verify', 'cities', 'tag', '--until-position', '5'],
    ['verify', 'cities', '--max-age', 'x'],
  ]) {
    const administration = fakeAdministration();
    expect(await runWith(administration, argv), argv.join(' ')).toMatchObject({ status: 2 });
    expect(administration.calls).toEqual([]);
  }
});

it('its help says what each exit status means', async () => {
  const { out } = await runWith(fakeAdministration(), ['verify', '--help']);
  expect(out).toMatch(/ 0 +everything that was asked is verified/);
  expect(out).toMatch(/ 6 +something is damaged/);
  expect(out).toMatch(/11 +nothing was found to be wrong/);
});

let cwd: string | null = null;

afterEach(async () => {
  if (cwd !== null) await rm(cwd, { recursive: true });
  cwd = null;
});

async function pamina(...argv: string[]) {
  return runCommand(argv, { cwd: cwd ?? '' });
}

it('P9 backups that were copied elsewhere are verified there, without a database', async () => {
  cwd = await mkdtemp(join(tmpdir(), 'pamina-cli-'));
  await pamina('create', 'cities');
  await pamina('put', 'cities', 'a', '1');
  const taken = JSON.parse((await pamina('backup', 'cities', '--json')).out) as { id: string };
  const backups = join(cwd, 'pamina-data', 'cities', 'backups');
  await cp(backups, join(cwd, 'elsewhere'), { recursive: true });
  const all = await pamina('verify', './elsewhere', '--deep', '--json');
  expect(all).toMatchObject({ status: 0, err: '' });
  expect(JSON.parse(all.out)).toMatchObject({ verdict: 'verified' });
  expect(await pamina('verify', `elsewhere/${taken.id}`)).toMatchObject({ status: 0 });
  expect(await pamina('verify', `${backups}/${taken.id}`, '--deep')).toMatchObject({ status: 0 });
  expect(await pamina('verify', join(cwd, 'pamina-data', 'cities'), '--deep')).toMatchObject({
    status: 0,
  });
  expect(await pamina('verify', './pamina-data')).toMatchObject({ status: 3 });
  const folder = join(cwd, 'elsewhere', taken.id);
  const [chunk = ''] = (await readdir(folder)).filter((name) => name.startsWith('chunk-'));
  await rm(join(folder, chunk));
  const broken = await pamina('verify', './elsewhere');
  expect(broken.status).toBe(6);
  expect(broken.err).toMatch(/^BACKUP_INVALID: /);
  expect(broken.out).toContain(chunk);
});

it('takes an archive by its name where the database is, and by its address from here', async () => {
  const administration = fakeAdministration();
  for (const from of ['main', './archive', 's3://bucket/x']) {
    await runWith(administration, ['verify', 'cities', '--from', from]);
  }
  const asked = administration.calls.filter(([call]) => call === 'verify');
  expect(asked.map(([, , request]) => (request as { from: string }).from)).toEqual([
    'main',
    '/nowhere/archive',
    's3://bucket/x',
  ]);
});
