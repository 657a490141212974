import { expect, it } from 'vitest';
import { aBackup, fakeAdministration, runWith } from '../fake-administration.js';

it('takes a backup and prints its id, position and size', async () => {
  const administration = fakeAdministration();
  const ran = await runWith(administration, ['backup', 'cities', '--tag', 'demo']);
  expect(ran).toMatchObject({
    status: 0,
    out: 'Backup 0000000000000005-1 of cities at position 1/5: 138,398 entries, 5.0 MiB stored, tag demo\n',
  });
  expect(administration.calls[0]).toEqual(['backup', 'cities', { tag: 'demo' }]);
});

it('prints the summary with --json', async () => {
  const ran = await runWith(fakeAdministration(), ['backup', 'cities', '--json']);
  expect(ran.objects).toMatchObject([{ id: '0000000000000005-1', entries: 138_398 }]);
});

it('asks for a form and a compression, and refuses others before anything is done', async () => {
  const administration = fakeAdministration();
  await runWith(administration, [
    'backup',
    'cities',
    '--form',
    'physical',
    '--compression',
    'none',
  ]);
  expect(administration.calls[0]).toEqual([
    'backup',
    'cities',
    { form: 'physical', compression: 'none' },
  ]);
  for (const wrong of [
    ['--form', 'both'],
    ['--compression', 'zip'],
  ]) {
    const ran = await runWith(administration, ['backup', 'cities', ...wrong]);
    expect(ran.status).toBe(2);
  }
  expect(administration.calls.filter(([verb]) => verb === 'backup')).toHaveLength(1);
});

it('says nothing of entries that were not counted', async () => {
  const administration = fakeAdministration({
    backup: () => Promise.resolve({ ...aBackup, form: 'physical', entries: null, rawBytes: null }),
  });
  const ran = await runWith(administration, ['backup', 'cities']);
  expect(ran.out).toBe(
    'Backup 0000000000000005-1 of cities at position 1/5: 5.0 MiB stored, tag demo\n',
  );
});

it('takes an incremental one, and says which one it continues', async () => {
  const administration = fakeAdministration({
    backup: () =>
      Promise.resolve({
        id: '0000000000000009-1',
        kind: 'incremental',
        tag: null,
        database: 'cities',
        pattern: 'ab'.repeat(16),
        position: '1/9',
        createdAt: 0,
        entries: 0,
        bytes: 4096,
        rawBytes: 0,
        stateHash: null,
        after: '0000000000000005-1',
      }),
  });
  const ran = await runWith(administration, ['backup', 'cities', '--incremental']);
  expect(ran.out).toBe(
    'Backup 0000000000000009-1 of cities at position 1/9: log after 0000000000000005-1, 4.0 KiB stored\n',
  );
  expect(administration.calls[0]).toEqual(['backup', 'cities', { incremental: true }]);
});
