import { expect, it } from 'vitest';
import { statusLine, statusTable, statusText } from '../../src/print/status.js';
import { aHold, aReplica, aStatus } from '../fake-administration.js';

const now = (aStatus.since ?? 0) + 90_000;

it('says since when, and how long that is', () => {
  expect(statusText(aStatus, now)).toMatch(/^since +2026-07-29 13:38:05Z \(1 min 30 s ago\)$/m);
});

it('P9 a time ahead of this clock is shown without a duration', () => {
  expect(statusText(aStatus, 0)).toMatch(/^since +2026-07-29 13:38:05Z$/m);
});

it('shows a database before its first session', () => {
  const fresh = {
    ...aStatus,
    position: '1/0',
    pattern: null,
    timeline: null,
    settings: null,
    since: null,
    backups: { count: 0, newest: null },
    log: { segments: 0, bytes: 0, firstSeq: null },
  };
  const text = statusText(fresh, now);
  expect(text).toMatch(/^position +1\/0$/m);
  expect(text).toMatch(/^identification pattern +none yet$/m);
  expect(text).toMatch(/^log +0 segments, 0 B$/m);
  expect(text).not.toMatch(/replication delay|since/);
  expect(statusLine(fresh)).toBe('cities: normal, open, position 1/0');
});

it('P9 does not count for a database that could not be opened', () => {
  const state = 'failed';
  const log = { segments: 0, bytes: 0, firstSeq: null };
  const failed = { ...aStatus, state, position: null, log } as const;
  const text = statusText(failed, now);
  expect(text).toMatch(/^position +unknown$/m);
  expect(text).toMatch(/^log +unknown$/m);
  expect(statusLine(failed)).toBe('cities: normal, failed');
});

it('P9 says of a replica out of touch with its master to what its lags are counted', () => {
  for (const state of ['disconnected', 'diverged', 'read-only'] as const) {
    expect(statusText({ ...aReplica, state }, now)).toMatch(/^master +1\/\d+ +when last heard/m);
  }
  for (const state of ['streaming', 'waiting', 'catching-up'] as const) {
    expect(statusText({ ...aReplica, state }, now)).not.toContain('when last heard');
  }
});

it('calls a replication delay of 0 streaming', () => {
  const streaming = { ...aStatus, settings: { replicationDelayMs: 0, backupGenerations: 3 } };
  expect(statusText(streaming, now)).toMatch(/^replication delay +0 \(streaming\)$/m);
  expect(statusText(aStatus, now)).toMatch(/^replication delay +5\.0 s$/m);
});

it('P9 a replica that never reached its master shows what is not known as unknown', () => {
  const unknown = { records: null, bytes: null, seconds: null };
  const master = {
    name: 'cities',
    address: null,
    durable: null,
    lag: { received: unknown, durable: unknown, applied: unknown },
    lastReplicatedModificationTime: null,
  };
  const text = statusText({ ...aReplica, master, state: 'disconnected' }, now);
  expect(text).toMatch(/^applied +1\/488 +unknown$/m);
  expect(text).toMatch(/^master +cities \(address not known\)$/m);
  expect(text).toMatch(/^last replicated modification +none yet$/m);
});

it('P9 names and reasons from elsewhere cannot drive the terminal', () => {
  const hostile = { ...aStatus, reason: '\u001b]0;x\u0007', message: 'a\nb' };
  for (const text of [statusText(hostile, now), statusTable([hostile])]) {
    expect(text).not.toMatch(/[\u001b\u0007]/);
  }
});

it('P9 a store that is known to be damaged is the first thing to see, with what to do', () => {
  const damage = {
    found: 'content',
    at: 0,
    message: 'it differs in 1 keys from what backup 3-1 and the log lead to',
    hint: 'Build the store anew with `pamina rebuild cities`.',
  } as const;
  const text = statusText({ ...aStatus, damage }, now);
  expect(text).toMatch(/^store +DAMAGED: it differs in 1 keys .*, known since 1970-01-01 /m);
  expect(text).toMatch(/^mend it +Build the store anew with `pamina rebuild cities`\.$/m);
  expect(statusTable([{ ...aStatus, damage }])).toContain('its store is DAMAGED');
  expect(statusText({ ...aStatus, damage: null }, now)).not.toContain('DAMAGED');
});

it('P10 names the replica that holds most of the log, and shows what is held for each, and the caps', () => {
  const lost = { ...aHold, replica: 'gone', state: 'lost', bytes: 0, cap: 'bytes' } as const;
  const settings = {
    replicationDelayMs: 0,
    backupGenerations: 3,
    replicaHoldBytes: 64 * 2 ** 30,
    replicaHoldDays: 0,
  };
  const text = statusText({ ...aStatus, settings, holds: [aHold, lost] }, 60_000);
  expect(text).toMatch(/^log held +5\.0 GiB for the replica cities-replica, which is at 1\/9$/m);
  expect(text).toMatch(
    /^cities-replica +holding +1\/9 +5\.0 GiB +1970-01-01 00:00:00Z \(1 min ago\)$/m,
  );
  expect(text).toMatch(/^gone +lost \(replicaHoldBytes\) +1\/9 +- +1970/m);
  expect(text).toMatch(/^caps +64\.0 GiB, no age$/m);
  expect(statusText({ ...aStatus, settings, holds: [lost] }, 0)).not.toContain('log held');
  expect(statusText({ ...aStatus, holds: [] }, 0)).not.toContain('held for');
});

it('P11 says that a database is fenced, for whom, and whose place another has taken', () => {
  const fence = { since: now - 60_000, successor: 'cities-2', takenOver: false };
  const told = statusText({ ...aStatus, fence }, now);
  expect(told).toMatch(/^fence +takes no writes since .*ago\): cities-2 is to take over$/m);
  const taken = statusText({ ...aStatus, fence: { ...fence, takenOver: true } }, now);
  expect(taken).toMatch(/^fence .*: cities-2 has its place$/m);
  const about = { of: 'cities', formerName: 'cities-2', since: now - 60_000, atSeq: 7 };
  const done = statusText({ ...aStatus, takeover: { ...about, finished: true } }, now);
  expect(done).toMatch(/^took over +cities, as cities-2, after record 7, .*ago\)$/m);
  const cut = statusText({ ...aStatus, takeover: { ...about, finished: false } }, now);
  expect(cut).toMatch(/not finished: run `pamina failover cities` again$/m);
  expect(statusText(aStatus, now)).not.toMatch(/fence|took over/);
});
