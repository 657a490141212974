import { expect, it } from 'vitest';
import { aHold, aPermitted, fakeAdministration, runWith } from '../fake-administration.js';

it('prints replicas that were permitted and never seen as such', async () => {
  const ran = await runWith(fakeAdministration(), ['replicas', 'cities']);
  expect(ran.out).toMatch(
    /^cities-replica +permitted +2026-07-29 13:38:05Z +yes +- +- +- +- +- +never +it has not connected yet$/m,
  );
});

it('prints positions and lag of one that was seen', async () => {
  const seen = {
    ...aPermitted,
    state: 'connected',
    connected: true,
    since: 60_000,
    reason: 'streaming: it was sent everything',
    received: '1/9',
    durable: '1/9',
    applied: '1/8',
    seenAt: 0,
    lag: { ...aPermitted.lag, applied: { records: 1, bytes: 100, seconds: null } },
    hold: { ...aHold, bytes: 3072 },
  } as const;
  const administration = fakeAdministration({ replicas: () => Promise.resolve([seen]) });
  const ran = await runWith(administration, ['replicas', 'cities']);
  expect(ran.out).toMatch(
    /connected +1970-01-01 00:01:00Z +yes +1\/9 +1\/9 +1\/8 +1 record, 100 B, \? s +3\.0 KiB +1970-01-01 00:00:00Z +streaming: it was sent everything$/m,
  );
});

it('says how to permit one when there is none', async () => {
  const administration = fakeAdministration({ replicas: () => Promise.resolve([]) });
  const ran = await runWith(administration, ['replicas', 'cities']);
  expect(ran).toMatchObject({ status: 0, out: '' });
  expect(ran.err).toContain('pamina allow cities NAME');
});

it('P10 says of one that is lost that nothing is held for it any more', async () => {
  const hold = { ...aHold, state: 'lost', bytes: 0, cap: 'age' } as const;
  const lost = { ...aPermitted, state: 'lost', seenAt: 0, hold } as const;
  const administration = fakeAdministration({ replicas: () => Promise.resolve([lost]) });
  const ran = await runWith(administration, ['replicas', 'cities']);
  expect(ran.out).toMatch(/^cities-replica +lost +2026-07-29 13:38:05Z +yes .* lost +1970/m);
});

it('P9 a reason cannot drive the terminal, and a server that gives none is shown all the same', async () => {
  const odd = { ...aPermitted, reason: 'refused: \u001b[31mred' } as const;
  const { since: _, reason: __, ...older } = { ...aPermitted, name: 'older' };
  const administration = fakeAdministration({ replicas: () => Promise.resolve([odd, older]) });
  const ran = await runWith(administration, ['replicas', 'cities']);
  expect(ran.out).toContain('refused: \\x1b[31mred');
  expect(ran.out).toMatch(/^older +permitted +- +yes .* never$/m);
});

it('P9 gives state, since when and why in JSON', async () => {
  const ran = await runWith(fakeAdministration(), ['replicas', 'cities', '--json']);
  expect(JSON.parse(ran.out)).toMatchObject({
    replicas: [
      {
        state: 'permitted',
        since: Date.UTC(2026, 6, 29, 13, 38, 5),
        reason: 'it has not connected yet',
      },
    ],
  });
});
