import { expect, it } from 'vitest';
import { aHold, aPermitted, fakeAdministration, runWith } from '../fake-administration.js';

it('prints replicas that were permitted and never seen as such', async () => {
  const ran = await runWith(fakeAdministration(), ['replicas', 'cities']);
  expect(ran.out).toMatch(/^cities-replica +permitted +yes +- +- +- +- +- +never$/m);
});

it('prints positions and lag of one that was seen', async () => {
  const seen = {
    ...aPermitted,
    state: 'connected',
    connected: true,
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
    /connected +yes +1\/9 +1\/9 +1\/8 +1 record, 100 B, \? s +3\.0 KiB +1970-01-01 00:00:00Z$/m,
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
  expect(ran.out).toMatch(/^cities-replica +lost +yes .* lost +1970/m);
});
