import { expect, it } from 'vitest';
import { each, fakeAdministration, notFound, runWith } from '../fake-administration.js';

it('prints one entry a line, whatever is in it', async () => {
  const entries = [
    { key: 'a', value: 'line\nbreak' },
    { key: 'ключ', value: '' },
  ];
  const administration = fakeAdministration({ exportEntries: () => each(entries) });
  const ran = await runWith(administration, ['export', 'cities']);
  expect(ran).toMatchObject({ status: 0, err: '', objects: entries });
  expect(ran.out.split('\n')).toHaveLength(3);
});

it('prints nothing for an empty database', async () => {
  const administration = fakeAdministration({ exportEntries: () => each([]) });
  expect(await runWith(administration, ['export', 'cities'])).toMatchObject({ status: 0, out: '' });
});

it('P9 ends with an error when the stream breaks off', async () => {
  const administration = fakeAdministration({
    exportEntries: async function* () {
      yield { key: 'a', value: 'b' };
      await Promise.reject(notFound('cities'));
    },
  });
  expect(await runWith(administration, ['export', 'cities'])).toMatchObject({ status: 3 });
});
