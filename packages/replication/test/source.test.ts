// The choice between master and archive: every state at every event, and the ways between the two.
import { describe, expect, it } from 'vitest';
import type { FollowerStateName, Moment } from '../src/follower-event.js';
import { masterProbeMs } from '../src/replication-limits.js';
import type { SourceEvent, SourceState, SourceStateName, SourceStep } from '../src/source-event.js';
import { startSource, stepSource } from '../src/source.js';

const at: Moment = { now: 5_000, monotonicMs: 100_000, chance: 0.5 };
const rule = { pollMs: 1000, afterMs: 300 };
const common = { at, rule };
const problem = { code: 'ARCHIVE_UNAVAILABLE', message: 'it does not answer', retryable: true };

const follower = (name: FollowerStateName, reason: string | null = null): SourceEvent => ({
  ...common,
  type: 'follower',
  name,
  reason,
});
const plain = (type: Exclude<SourceEvent['type'], 'follower' | 'read-failed'>): SourceEvent => ({
  ...common,
  type,
});
const failed = (code: string): SourceEvent => ({
  ...common,
  type: 'read-failed',
  problem: { ...problem, code, retryable: code === 'ARCHIVE_UNAVAILABLE' },
});

function run(...events: SourceEvent[]): SourceStep {
  return events.reduce<SourceStep>((step, event) => stepSource(step.state, event), {
    state: startSource(0),
    effects: [],
  });
}

const types = ({ effects }: SourceStep): string[] => effects.map(({ type }) => type);
const lost = [follower('connecting'), follower('disconnected', 'nobody there')];
const reading = [...lost, plain('timer')];

const names: readonly SourceStateName[] = [
  'resting',
  'master',
  'reading',
  'waiting',
  'retrying',
  'stopped',
  'yielding',
];
const events: readonly SourceEvent[] = [
  follower('offline'),
  follower('streaming'),
  follower('disconnected'),
  follower('log-gone'),
  follower('diverged'),
  failed('ARCHIVE_UNAVAILABLE'),
  ...(['start', 'reached', 'read', 'read-ended', 'rule', 'woken', 'timer'] as const).map(plain),
];

describe('the source of a replica', () => {
  it('P16 every state has an answer to every event, and reads and yields never at once', () => {
    for (const name of names) {
      for (const event of events) {
        const before: SourceState = { ...startSource(0), name };
        const step = stepSource(before, event);
        expect(names).toContain(step.state.name);
        const does = types(step);
        expect(does.includes('read') && does.includes('halt'), `${name} ${event.type}`).toBe(false);
        if (does.includes('read')) expect(step.state.name).toBe('reading');
      }
    }
  });

  it('P16 a master out of reach is given up after the time that is set, and not before', () => {
    const waiting = run(...lost);
    expect(waiting.state.name).toBe('master');
    expect(waiting.effects).toEqual([{ type: 'timer', afterMs: 300 }]);
    const again = run(...lost, follower('disconnected', 'still nobody'));
    expect(types(again)).toEqual([]);
    const given = run(...reading);
    expect(given.state).toMatchObject({ name: 'reading', shown: 'catching-up' });
    expect(given.state.reason).toContain('nobody there');
    expect(types(given)).toEqual(['cancel-timer', 'log', 'read']);
    const back = run(...lost, follower('streaming'), plain('timer'));
    expect(back.state.name).toBe('master');
  });

  it('P16 a master without the log is given up at once, and asked again when the archive is at its end', () => {
    const gone = run(follower('connecting'), follower('log-gone', 'deleted'));
    expect(gone.state.name).toBe('reading');
    const level = stepSource(gone.state, plain('read-ended'));
    expect(level.state).toMatchObject({ name: 'waiting', shown: 'waiting' });
    expect(types(level)).toEqual(['timer', 'probe']);
    const soon = stepSource({ ...level.state, name: 'reading' }, plain('read-ended'));
    expect(types(soon)).toEqual(['timer']);
    const later = { ...at, monotonicMs: at.monotonicMs + masterProbeMs };
    const due = stepSource(
      { ...level.state, name: 'reading' },
      { ...plain('read-ended'), at: later },
    );
    expect(types(due)).toEqual(['timer', 'probe']);
  });

  it('P4 reading ends before the master is told where this log ends, and goes on if it refuses', () => {
    const reached = run(...reading, plain('reached'));
    expect(reached.state.name).toBe('yielding');
    expect(types(reached)).toEqual(['halt', 'timer']);
    expect(stepSource(reached.state, plain('read-ended')).state.name).toBe('yielding');
    const refused = stepSource(reached.state, follower('log-gone', 'deleted'));
    expect(refused.state.name).toBe('reading');
    const followed = stepSource(reached.state, follower('catching-up'));
    expect(followed.state.name).toBe('master');
    expect(types(followed)).toContain('log');
    const silent = stepSource(reached.state, plain('timer'));
    expect(silent.state.name).toBe('reading');
  });

  it('P9 an archive that fails is tried again with its reason; one of another history is not', () => {
    const down = run(...reading, failed('ARCHIVE_UNAVAILABLE'));
    expect(down.state).toMatchObject({ name: 'retrying', shown: 'disconnected' });
    expect(down.state.reason).toBe(problem.message);
    const tried = stepSource(down.state, plain('timer'));
    expect(tried.state.shown).toBe('disconnected');
    expect(types(stepSource(tried.state, failed('ARCHIVE_UNAVAILABLE')))).toEqual(['timer']);
    const gap = run(...reading, failed('LOG_GONE'));
    expect(gap.state).toMatchObject({ name: 'retrying', shown: 'log-gone' });
    expect(gap.state.message).not.toBeNull();
    const strange = run(...reading, failed('DIVERGED'));
    expect(strange.state).toMatchObject({ name: 'stopped', shown: 'diverged' });
    expect(stepSource(strange.state, plain('timer')).state.name).toBe('stopped');
    expect(types(stepSource(strange.state, plain('start')))).toContain('read');
  });

  it('P16 what comes while the archive is read is looked at again', () => {
    const woken = run(...reading, plain('woken'), plain('read-ended'));
    expect(woken.state.name).toBe('reading');
    expect(types(woken)).toEqual(['cancel-timer', 'read']);
    expect(run(...reading, plain('read-ended'), plain('woken')).state.name).toBe('reading');
  });

  it('a person who sets a replica to rest is heard in every state', () => {
    const asleep = run(...reading, follower('read-only'));
    expect(asleep.state.name).toBe('resting');
    expect(types(asleep)).toEqual(['halt', 'cancel-timer']);
  });

  it('other times count from now on', () => {
    const waiting = run(...lost, { ...plain('rule'), rule: { pollMs: 1, afterMs: 7 } });
    expect(waiting.effects).toEqual([{ type: 'timer', afterMs: 7 }]);
    const level = run(...reading, plain('read-ended'), plain('rule'));
    expect(level.effects).toEqual([{ type: 'timer', afterMs: 1000 }]);
  });
});
