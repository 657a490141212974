import { expect, it } from 'vitest';
import { each, fakeAdministration, notFound, runWith } from '../fake-administration.js';

const entries = [
  { key: 'a', value: 'line\nbreak \u001b[2J' },
  { key: 'ключ', value: '' },
];

it('prints key and value, one entry a line, so that no value can drive the terminal', async () => {
  const administration = fakeAdministration({ query: () => each(entries) });
  const ran = await runWith(administration, ['query', 'cities']);
  expect(ran).toMatchObject({ status: 0, err: '' });
  expect(ran.out).toBe('a\tline\\nbreak \\x1b[2J\nключ\t\n');
});

it('prints one object a line with --json, whatever is in it', async () => {
  const administration = fakeAdministration({ query: () => each(entries) });
  const ran = await runWith(administration, ['query', 'cities', '--json']);
  expect(ran.objects).toEqual(entries);
});

it('P12 asks for a range, an isolation level and a state', async () => {
  const administration = fakeAdministration();
  const range = ['--prefix', 'a', '--gte', 'a1', '--gt', 'a0', '--lte', 'a8', '--lt', 'a9'];
  const levels = ['--isolation', 'stableCursor', '--lock-mode', 'protected', '--after', '1/7'];
  const words = ['query', 'cities', ...range, '--reverse', '--limit', '3', ...levels];
  await runWith(administration, words);
  expect(administration.calls[0]).toMatchObject([
    'query',
    'cities',
    {
      prefix: 'a',
      gte: 'a1',
      gt: 'a0',
      lte: 'a8',
      lt: 'a9',
      reverse: true,
      limit: 3,
      isolation: 'stableCursor',
      lockMode: 'protected',
      after: '1/7',
    },
  ]);
});

it('P9 refuses a level that there is not, and names those that there are', async () => {
  const ran = await runWith(fakeAdministration(), ['query', 'cities', '--isolation', 'chaos']);
  expect(ran).toMatchObject({ status: 2, out: '' });
  expect(ran.err).toContain('serializable, snapshot, not "chaos"');
});

it('P9 ends with an error when the stream breaks off', async () => {
  const administration = fakeAdministration({
    query: async function* () {
      yield { key: 'a', value: 'b' };
      await Promise.reject(notFound('cities'));
    },
  });
  expect(await runWith(administration, ['query', 'cities'])).toMatchObject({ status: 3 });
});

it('says in its help what the levels wait for, with examples', async () => {
  const { out } = await runWith(fakeAdministration(), ['query', '--help']);
  expect(out).toContain('pamina query cities --prefix austria/');
  expect(out).toContain('snapshot never waits');
});
