import { expect, it } from 'vitest';
import { fakeAdministration, runWith } from '../fake-administration.js';

it('prints position and state hash', async () => {
  const administration = fakeAdministration();
  const ran = await runWith(administration, ['hash', 'cities', '--at', '1/5']);
  expect(ran.status).toBe(0);
  expect(ran.out).toMatch(/^position +1\/5$/m);
  expect(ran.out).toMatch(/^state hash +(cd){32}$/m);
  expect(administration.calls[0]).toMatchObject(['hash', 'cities', { at: '1/5', verify: false }]);
});

it('P9 prints the report and ends as damaged when a comparison differs', async () => {
  const administration = fakeAdministration({
    hash: () =>
      Promise.resolve({
        position: '1/5',
        stateHash: 'aa',
        recovered: false,
        comparedWith: [{ with: 'recovered', backup: 'b1', stateHash: 'bb', equal: false }],
        verified: false,
      }),
  });
  const ran = await runWith(administration, ['hash', 'cities', '--verify']);
  expect(ran.status).toBe(6);
  expect(ran.out).toContain('DIFFERENT (bb)');
  expect(ran.err).toMatch(/^STATE_HASH_MISMATCH: /);
});

it('P9 refuses what is no position before anything is asked', async () => {
  const administration = fakeAdministration();
  expect(await runWith(administration, ['hash', 'cities', '--at', '5'])).toMatchObject({
    status: 2,
  });
  expect(administration.calls).toEqual([]);
});
