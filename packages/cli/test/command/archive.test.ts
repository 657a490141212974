import { expect, it } from 'vitest';
import { anArchive, aStatus, fakeAdministration, runWith } from '../fake-administration.js';

it('adds an archive under a name, with keys and files as absolute paths', async () => {
  const administration = fakeAdministration();
  const ran = await runWith(administration, [
    ...['archive', 'add', 'cities', 's3://bucket/x?region=eu-1', '--as', 'cloud'],
    ...['--recipient', 'age1a,age1b', '--identity-file', '/keys/key.txt'],
  ]);
  expect(ran).toMatchObject({
    status: 0,
    out: 'Log and backups of cities are archived to s3://bucket/x?region=eu-1 from now on\n',
  });
  const [call] = administration.calls;
  expect(call?.slice(0, 3)).toEqual(['addArchive', 'cities', 'cloud']);
  expect(call?.[3]).toMatchObject({
    address: 's3://bucket/x?region=eu-1',
    recipients: ['age1a', 'age1b'],
    identityFile: '/keys/key.txt',
  });
});

it('takes a relative folder from where it runs, and calls the archive main', async () => {
  const administration = fakeAdministration();
  await runWith(administration, ['archive', 'add', 'cities', 'kept']);
  expect(administration.calls[0]?.[2]).toBe('main');
  expect(administration.calls[0]?.[3]).toMatchObject({
    address: expect.stringMatching(/^\/.*kept$/),
  });
});

it('removes, lists, and runs', async () => {
  const administration = fakeAdministration();
  const removed = await runWith(administration, ['archive', 'remove', 'cities', 'cloud']);
  expect(removed.out).toContain('not archived to cloud any more');
  const listed = await runWith(administration, ['archive', 'list', 'cities']);
  expect(listed.out).toContain('/mnt/archive');
  const ran = await runWith(administration, ['archive', 'run', 'cities']);
  expect(ran.out).toContain('1/488');
  const verbs = administration.calls.map(([verb]) => verb).filter((verb) => verb !== 'close');
  expect(verbs).toEqual(['removeArchive', 'archives', 'runArchive']);
});

it('shows what is wrong and what to do, in archive status and in status', async () => {
  const blocked = {
    ...anArchive,
    state: 'blocked' as const,
    problem: { code: 'ARCHIVE_GAP', message: 'log is missing' },
    hint: 'Take a backup.',
  };
  const administration = fakeAdministration({
    archives: () => Promise.resolve([blocked]),
    status: () => Promise.resolve({ ...aStatus, archives: [blocked] }),
  });
  for (const argv of [
    ['archive', 'status', 'cities'],
    ['status', 'cities'],
  ]) {
    const ran = await runWith(administration, argv);
    expect(ran.out).toContain('main: ARCHIVE_GAP: log is missing. Take a backup.');
  }
});

it('prints JSON with --json', async () => {
  const ran = await runWith(fakeAdministration(), ['archive', 'status', 'cities', '--json']);
  expect(ran.objects).toEqual([{ archives: [anArchive] }]);
});

it('refuses other words, and add without an address', async () => {
  expect((await runWith(fakeAdministration(), ['archive', 'burn', 'cities'])).status).toBe(2);
  expect((await runWith(fakeAdministration(), ['archive', 'add', 'cities'])).status).toBe(2);
});

it('shows what expired there and when it goes, and what was deleted here before it was there', async () => {
  const since = Date.UTC(2026, 6, 29, 13, 38, 5);
  const retired = [{ id: '0000000000000005-1', since, goesAt: since + 86_400_000 }];
  const missing = { fromSeq: 40, toSeq: 60 };
  const administration = fakeAdministration({
    archives: () => Promise.resolve([{ ...anArchive, retired, missing }]),
  });
  const ran = await runWith(administration, ['archive', 'status', 'cities']);
  expect(ran.out).toContain(
    'main: backup 0000000000000005-1 expired 2026-07-29 13:38:05Z, goes at the first expiry after 2026-07-30 13:38:05Z',
  );
  expect(ran.out).toContain('main: records 40 to 60 were deleted here before they were there.');
  const json = await runWith(administration, ['archive', 'status', 'cities', '--json']);
  expect(json.objects).toMatchObject([{ archives: [{ retired, missing }] }]);
});
