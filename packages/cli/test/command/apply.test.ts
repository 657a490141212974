import { expect, it } from 'vitest';
import { fakeAdministration, runWith } from '../fake-administration.js';

it('applies up to a position', async () => {
  const administration = fakeAdministration();
  const ran = await runWith(administration, ['apply', 'cities-replica', '--until-position', '1/9']);
  expect(ran.out).toBe('cities-replica: replica, paused, position 1/488\n');
  expect(administration.calls[0]).toEqual(['apply', 'cities-replica', { untilPosition: '1/9' }]);
});

it('applies up to a time, which it reads as people write it', async () => {
  const administration = fakeAdministration();
  await runWith(administration, [
    'apply',
    'cities-replica',
    '--until-time',
    '2026-07-29T14:31:00Z',
  ]);
  const untilTime = Date.UTC(2026, 6, 29, 14, 31);
  expect(administration.calls[0]).toEqual(['apply', 'cities-replica', { untilTime }]);
});

it.each([[[]], [['--until-position', '1/9', '--until-time', '14:31']]])(
  'wants one target: %j',
  async (targets) => {
    const administration = fakeAdministration();
    const ran = await runWith(administration, ['apply', 'cities-replica', ...targets]);
    expect(ran).toMatchObject({ status: 2, out: '' });
    expect(administration.calls.filter(([name]) => name === 'apply')).toEqual([]);
  },
);
