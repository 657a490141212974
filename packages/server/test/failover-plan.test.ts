// Which replica a failover chooses, for every state that one can be in.

import { describe, expect, it } from 'vitest';
import type { DatabaseState, DatabaseStatus, FailoverOptions } from '@pamina/wire';
import { planOf } from '../src/failover-plan.js';
import type { Peer } from '../src/peers.js';

const timeline = { timeline: 1, id: '1'.repeat(16), forkedFrom: null, atSeq: 0, why: 'created' };
const lag = { records: 0, bytes: 0, seconds: 0 };

function peer(name: string, change: Partial<DatabaseStatus> | null): Peer {
  const entry = { address: 'http://127.0.0.1:1', instance: name, since: 0 };
  if (change === null) return { name, entry, status: null };
  const isMaster = name === 'cities';
  const status: DatabaseStatus = {
    ...{ name, instance: name, online: true, pattern: 'ab'.repeat(16) },
    ...{ type: isMaster ? 'normal' : 'replica', state: isMaster ? 'open' : 'streaming' },
    ...{ reason: null, since: null, message: null, timeline, timelines: [timeline] },
    ...{ position: '1/9', received: '1/9', durable: '1/9', applied: '1/9', sizeBytes: 0 },
    ...{ readOnly: false, simultaneousQuery: false, settings: null, createdAt: 0 },
    ...{ backups: { count: 0, newest: null }, log: { segments: 1, bytes: 0, firstSeq: 1 } },
    master: isMaster
      ? null
      : {
          ...{
            name: 'cities',
            address: null,
            durable: '1/9',
            lastReplicatedModificationTime: null,
          },
          lag: { received: lag, durable: lag, applied: lag },
        },
    ...change,
  };
  return { name, entry, status };
}

const chosenOf = (peers: readonly Peer[], options: FailoverOptions = {}): string =>
  planOf('cities', peers, options).chosen.name;

describe('P11 the replica that takes over', () => {
  // By its type the table has every state: a new one must be put in it.
  const takesOver: Readonly<Record<DatabaseState, 'by itself' | 'when named' | 'never'>> = {
    connecting: 'by itself',
    'catching-up': 'by itself',
    streaming: 'by itself',
    waiting: 'by itself',
    disconnected: 'by itself',
    delayed: 'when named',
    paused: 'when named',
    'read-only': 'when named',
    open: 'never',
    failed: 'never',
    offline: 'never',
    clone: 'never',
    'pattern-mismatch': 'never',
    'not-permitted': 'never',
    diverged: 'never',
    'log-gone': 'never',
    'version-mismatch': 'never',
  };

  it.each(Object.entries(takesOver))('in the state %s takes over %s', (state, when) => {
    const peers = [peer('cities', {}), peer('one', { state: state as DatabaseState })];
    const refused = expect.objectContaining({ code: 'FAILOVER_IMPOSSIBLE' });
    if (when === 'by itself') expect(chosenOf(peers)).toBe('one');
    else expect(() => chosenOf(peers)).toThrow(refused);
    if (when === 'never') expect(() => chosenOf(peers, { to: 'one' })).toThrow(refused);
    else expect(chosenOf(peers, { to: 'one' })).toBe('one');
  });

  it('is the most advanced one; another only where the master sends its rest, or loss is accepted', () => {
    const replicas = [peer('behind', { durable: '1/5' }), peer('ahead', {})];
    const gone = [peer('cities', null), ...replicas];
    expect(chosenOf(gone)).toBe('ahead');
    expect(() => chosenOf(gone, { to: 'behind' })).toThrow(
      expect.objectContaining({ code: 'FAILOVER_BEHIND' }),
    );
    expect(chosenOf(gone, { to: 'behind', acceptLoss: true })).toBe('behind');
    expect(chosenOf([peer('cities', {}), ...replicas], { to: 'behind' })).toBe('behind');
  });

  it('is none on a history that was left, however much it has', () => {
    const next = { ...timeline, timeline: 2, id: '2'.repeat(16), atSeq: 5 };
    const second = { ...next, forkedFrom: timeline.id, why: 'takeover of cities' };
    const left = peer('left', { durable: '1/9' });
    const peers = [left, peer('one', { durable: '2/7', timelines: [timeline, second] })];
    const plan = planOf('cities', [peer('cities', null), ...peers], {});
    expect(plan.chosen.name).toBe('one');
    expect(plan.candidates.find(({ name }) => name === 'left')?.problem).toContain('left after');
  });

  it('goes on with the one that has the name already', () => {
    const holder = peer('cities', null);
    const claimed = { ...holder, entry: { ...holder.entry, instance: 'one' } };
    const peers = [claimed, peer('one', { durable: '1/8' }), peer('two', {})];
    expect(chosenOf(peers)).toBe('one');
    expect(() => chosenOf(peers, { to: 'two' })).toThrow(
      expect.objectContaining({ code: 'FAILOVER_IMPOSSIBLE' }),
    );
  });
});
