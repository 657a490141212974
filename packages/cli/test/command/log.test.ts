import { expect, it } from 'vitest';
import { aLogLine, fakeAdministration, runWith } from '../fake-administration.js';

it('prints one record a line with the keys of its operations, shortened', async () => {
  const administration = fakeAdministration();
  const ran = await runWith(administration, ['log', 'cities', '--from', '7', '--limit', '1']);
  expect(ran.out).toBe(
    '1/7         2026-07-29 13:38:05.012Z  commit         120 B  put a, put b, put c, put d, and 2 more\n',
  );
  expect(administration.calls[0]).toEqual(['log', 'cities', { from: 7, limit: 1 }]);
});

it('prints one object a line with --json', async () => {
  expect((await runWith(fakeAdministration(), ['log', 'cities', '--json'])).objects).toEqual([
    aLogLine,
  ]);
});

it('P9 refuses what is no number of a record', async () => {
  const ran = await runWith(fakeAdministration(), ['log', 'cities', '--from', '1/7']);
  expect(ran.status).toBe(2);
  expect(ran.err).toContain('--from must be a whole number');
});
