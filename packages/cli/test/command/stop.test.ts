import { expect, it } from 'vitest';
import { fakeAdministration, runWith } from '../fake-administration.js';

it('stops a database and prints what it is now', async () => {
  const administration = fakeAdministration();
  const ran = await runWith(administration, ['stop', 'cities']);
  expect(ran).toMatchObject({
    status: 0,
    out: 'Stopped cities: normal, offline, position 1/5\n',
    err: '',
  });
  expect(administration.calls[0]).toEqual(['stop', 'cities', { mode: 'normal' }]);
});

it('prints the whole status with --json', async () => {
  const ran = await runWith(fakeAdministration(), ['stop', 'cities', '--json']);
  expect(ran.objects).toMatchObject([{ name: 'cities', state: 'offline', backups: { count: 2 } }]);
});

it('says what becomes of open transactions, and how long they are waited for', async () => {
  const administration = fakeAdministration();
  await runWith(administration, ['stop', 'cities', '--mode', 'rollback', '--timeout', '7']);
  const options = { mode: 'rollback', timeoutMs: 7000 };
  expect(administration.calls[0]).toEqual(['stop', 'cities', options]);
  const ran = await runWith(administration, ['stop', 'cities', '--mode', 'fast']);
  expect(ran).toMatchObject({ status: 2 });
  expect(ran.err).toMatch(/^USAGE: --mode is one of normal, rollback, abort, not "fast"/);
});
