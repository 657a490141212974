import { Interrupted } from '../../src/io.js';
import { expect, it } from 'vitest';
import { anEvent, fakeAdministration, runWith } from '../fake-administration.js';

it('prints one event a line', async () => {
  const administration = fakeAdministration();
  const ran = await runWith(administration, ['job-log', 'cities', '--lines', '5']);
  expect(ran.out).toBe(
    '2026-07-29 13:38:05Z  INFO     session-started: No replication databases allow simultaneous query\n',
  );
  expect(administration.calls[0]).toMatchObject(['jobLog', 'cities', { lines: 5, follow: false }]);
});

it('prints one object a line with --json', async () => {
  expect((await runWith(fakeAdministration(), ['job-log', 'cities', '--json'])).objects).toEqual([
    anEvent,
  ]);
});

it('follows until interrupted, and then ends well', async () => {
  const ending = new AbortController();
  const administration = fakeAdministration({
    jobLog: async function* (_name, options) {
      yield anEvent;
      await new Promise<void>((resolve) => {
        options?.signal?.addEventListener('abort', () => resolve());
        ending.abort(new Interrupted('SIGINT'));
      });
    },
  });
  const ran = await runWith(administration, ['job-log', 'cities', '--follow'], {
    signal: ending.signal,
  });
  expect(ran).toMatchObject({ status: 0, err: '' });
  expect(ran.out).toContain('session-started');
});

it.each(['-1', 'x', '1.5', '1e3', '99999999'])('P9 refuses --lines %s', async (lines) => {
  const ran = await runWith(fakeAdministration(), ['job-log', 'cities', `--lines=${lines}`]);
  expect(ran.status).toBe(2);
});
