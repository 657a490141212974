// The rules of expiry, on lists that no disk ever held.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decideBackups, type RetentionPolicy, type RuledBackup } from '../src/expire-rules.js';

const day = 86_400_000;
const now = Date.UTC(2026, 6, 29, 12);

const policy: RetentionPolicy = {
  generations: 3,
  generationsMin: 1,
  daily: 0,
  weekly: 0,
  monthly: 0,
  ageDaysMax: 0,
  noDelete: false,
};

function full(id: string, startedAt: number, rest: Partial<RuledBackup> = {}): RuledBackup {
  const plain = { tag: null, after: null, isHeld: false, isDamaged: false, isForeign: false };
  return { id, kind: 'full', startedAt, ...plain, ...rest };
}

const incremental = (id: string, startedAt: number, after: string): RuledBackup =>
  full(id, startedAt, { kind: 'incremental', after });

/** One full backup a day, the newest first; `d0` is today's. */
const daily = (count: number): RuledBackup[] =>
  Array.from({ length: count }, (_, index) => full(`d${index}`, now - index * day));

const kept = (backups: readonly RuledBackup[], rules: RetentionPolicy = policy): string[] =>
  decideBackups(backups, rules, now)
    .filter(({ keeps }) => keeps)
    .map(({ id }) => id);

const reasonsOf = (
  id: string,
  backups: readonly RuledBackup[],
  rules: RetentionPolicy = policy,
): readonly string[] => decideBackups(backups, rules, now).find((one) => one.id === id)!.reasons;

describe('rules of expiry', () => {
  test('the newest generations stay, and each says which one it is', () => {
    expect(kept(daily(5))).toEqual(['d0', 'd1', 'd2']);
    expect(reasonsOf('d1', daily(5))).toEqual(['generation 2 of 3']);
    expect(reasonsOf('d4', daily(5))).toEqual(['beyond the 3 newest']);
  });

  test('tiers keep the newest of each day, week and month that has one, with every reason', () => {
    const rules = { ...policy, generations: 1, daily: 2, weekly: 3, monthly: 2 };
    // 2026-07-29 is a Wednesday of week 31.
    const backups = daily(60);
    expect(kept(backups, rules)).toEqual(['d0', 'd1', 'd3', 'd10', 'd29']);
    expect(reasonsOf('d0', backups, rules)).toEqual([
      'generation 1 of 1',
      'daily: the newest of 2026-07-29',
      'weekly: the newest of 2026-W31',
      'monthly: the newest of 2026-07',
    ]);
    expect(reasonsOf('d3', backups, rules)).toEqual(['weekly: the newest of 2026-W30']);
    expect(reasonsOf('d29', backups, rules)).toEqual(['monthly: the newest of 2026-06']);
    expect(reasonsOf('d2', backups, rules)).toEqual(['beyond the 1 newest', 'no tier needs it']);
  });

  test('weeks are those of ISO 8601, over the turn of a year too', () => {
    const rules = { ...policy, generations: 1, weekly: 9 };
    const at = (text: string): RuledBackup => full(text, Date.parse(`${text}T08:00:00Z`));
    const backups = ['2027-01-04', '2027-01-03', '2026-12-28', '2026-12-27', '2021-01-03'].map(at);
    const weeks = backups.map(({ id }) => reasonsOf(id, backups, rules).at(-1));
    expect(weeks[0]).toBe('weekly: the newest of 2027-W01');
    expect(weeks[1]).toBe('weekly: the newest of 2026-W53');
    expect(weeks[2]).toBe('no tier needs it');
    expect(weeks[3]).toBe('weekly: the newest of 2026-W52');
    expect(weeks[4]).toBe('weekly: the newest of 2020-W53');
  });

  test('P10 age takes generations and tiers away, never the fewest that are allowed', () => {
    const rules = { ...policy, generations: 5, generationsMin: 2, monthly: 9, ageDaysMax: 10 };
    const backups = daily(5).map((one) => ({ ...one, startedAt: one.startedAt - 9 * day }));
    expect(kept(backups, rules)).toEqual(['d0', 'd1']);
    const old = backups.map((one) => ({ ...one, startedAt: one.startedAt - 100 * day }));
    expect(kept(old, rules)).toEqual(['d0', 'd1']);
    expect(reasonsOf('d1', old, rules)).toEqual([
      'generation 2 of 5, older than 10 days, but 2 always stay',
    ]);
    expect(reasonsOf('d4', old, rules)).toEqual(['older than 10 days', 'no tier needs it']);
  });

  test('P10 tags, readers, and what is damaged, foreign or initial stay whatever the rules say', () => {
    const backups = [
      ...daily(3),
      full('tagged', 0, { tag: 'before the move' }),
      full('read', 0, { isHeld: true }),
      full('hurt', 0, { isDamaged: true }),
      full('other', 0, { isForeign: true }),
      full('initial', 0, { kind: 'initial' }),
    ];
    const rules = { ...policy, generations: 1, ageDaysMax: 1 };
    expect(kept(backups, rules)).toEqual(['d0', 'tagged', 'read', 'hurt', 'other', 'initial']);
    expect(reasonsOf('tagged', backups, rules)).toEqual(['its tag before the move']);
    expect(reasonsOf('read', backups, rules)).toEqual(['it is being read']);
  });

  test('P9 what is damaged or foreign fills no generation', () => {
    const backups = [
      full('hurt', now, { isDamaged: true }),
      full('other', now, { isForeign: true }),
      ...daily(2),
    ];
    expect(kept(backups, { ...policy, generations: 1 })).toEqual(['hurt', 'other', 'd0']);
  });

  test('incremental backups stay with their generation and go with it', () => {
    const backups = [
      incremental('i3', now, 'i2'),
      incremental('i2', now, 'd0'),
      full('d0', now),
      incremental('i1', now - day, 'd1'),
      full('d1', now - day),
    ];
    expect(kept(backups, { ...policy, generations: 1 })).toEqual(['i3', 'i2', 'd0']);
    expect(reasonsOf('i3', backups)).toEqual(['it continues the kept generation d0']);
    expect(reasonsOf('d0', backups)).toEqual([
      'generation 1 of 3',
      'i3 builds on it',
      'i2 builds on it',
    ]);
    const gone = reasonsOf('i1', backups, { ...policy, generations: 1 });
    expect(gone).toEqual(['the full backup that it continues is no generation']);
  });

  test('P10 a kept incremental keeps everything that it builds on', () => {
    const backups = [
      full('d0', now),
      { ...incremental('i2', now - day, 'i1'), tag: 'friday' },
      incremental('i1', now - day, 'd1'),
      full('d1', now - day),
    ];
    expect(kept(backups, { ...policy, generations: 1 })).toEqual(['d0', 'i2', 'i1', 'd1']);
    expect(reasonsOf('d1', backups, { ...policy, generations: 1 })).toEqual(['i2 builds on it']);
  });

  test('with backupNoDelete nothing goes, and what would go is told', () => {
    const decisions = decideBackups(daily(5), { ...policy, noDelete: true }, now);
    expect(decisions.every(({ keeps }) => keeps)).toBe(true);
    expect(decisions.filter(({ isDue }) => isDue).map(({ id }) => id)).toEqual(['d3', 'd4']);
    expect(decisions[4]?.reasons).toEqual([
      'nothing is removed here (backupNoDelete)',
      'beyond the 3 newest',
    ]);
  });
});

const times = fc.integer({ min: 0, max: 800 * 24 }).map((hours) => now - hours * (day / 24));
const policies: fc.Arbitrary<RetentionPolicy> = fc.record({
  generations: fc.integer({ min: 2, max: 6 }),
  generationsMin: fc.integer({ min: 1, max: 2 }),
  daily: fc.nat(8),
  weekly: fc.nat(5),
  monthly: fc.nat(5),
  ageDaysMax: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 400 })),
  noDelete: fc.constant(false),
});
/** Lists as a listing gives them: newest first, an incremental one after any older backup. */
const lists: fc.Arbitrary<RuledBackup[]> = fc
  .array(
    fc.record({
      startedAt: times,
      isIncremental: fc.boolean(),
      base: fc.nat(),
      isTagged: fc.integer({ min: 0, max: 9 }).map((dice) => dice === 0),
      isHeld: fc.integer({ min: 0, max: 9 }).map((dice) => dice === 0),
      isDamaged: fc.integer({ min: 0, max: 9 }).map((dice) => dice === 0),
    }),
    { maxLength: 40 },
  )
  .map((drawn) => {
    const oldestFirst: RuledBackup[] = [];
    for (const one of drawn.toSorted((a, b) => a.startedAt - b.startedAt)) {
      const whole = oldestFirst.filter(({ isDamaged }) => !isDamaged);
      const base = one.isIncremental ? whole[one.base % Math.max(1, whole.length)] : undefined;
      oldestFirst.push(
        full(`b${oldestFirst.length}`, one.startedAt, {
          kind: base === undefined ? 'full' : 'incremental',
          after: base?.id ?? null,
          tag: one.isTagged ? 'tag' : null,
          isHeld: one.isHeld,
          isDamaged: one.isDamaged,
        }),
      );
    }
    return oldestFirst.toReversed();
  });

const wholeFulls = (backups: readonly RuledBackup[]): string[] =>
  backups.filter(({ kind, isDamaged }) => kind === 'full' && !isDamaged).map(({ id }) => id);

describe('rules of expiry, whatever the list', () => {
  test('P10 the fewest generations always stay, and all of them where no age is set', () => {
    fc.assert(
      fc.property(lists, policies, (backups, rules) => {
        const staying = kept(backups, rules);
        const least = rules.ageDaysMax === 0 ? rules.generations : rules.generationsMin;
        expect(staying).toEqual(expect.arrayContaining(wholeFulls(backups).slice(0, least)));
      }),
    );
  });

  test('P10 no kept backup misses what it builds on', () => {
    fc.assert(
      fc.property(lists, policies, (backups, rules) => {
        const staying = new Set(kept(backups, rules));
        for (const { id, after, isDamaged } of backups) {
          if (after === null || isDamaged || !staying.has(id)) continue;
          expect(staying).toContain(after);
        }
      }),
    );
  });

  test('P10 what is tagged, read or damaged is never removed', () => {
    fc.assert(
      fc.property(lists, policies, (backups, rules) => {
        const pinned = backups.filter((one) => one.tag !== null || one.isHeld || one.isDamaged);
        const staying = kept(backups, rules);
        expect(staying).toEqual(expect.arrayContaining(pinned.map(({ id }) => id)));
      }),
    );
  });

  test('what stays once stays the second time, and nothing more goes', () => {
    fc.assert(
      fc.property(lists, policies, (backups, rules) => {
        const staying = kept(backups, rules);
        const left = backups.filter(({ id }) => staying.includes(id));
        expect(kept(left, rules)).toEqual(staying);
      }),
    );
  });

  test('a more generous policy never removes more', () => {
    fc.assert(
      fc.property(lists, policies, fc.nat(4), (backups, rules, more) => {
        const generous = {
          ...rules,
          generations: rules.generations + more,
          daily: rules.daily + more,
          monthly: rules.monthly + more,
          ageDaysMax: rules.ageDaysMax === 0 ? 0 : rules.ageDaysMax + more,
        };
        const staying = kept(backups, generous);
        expect(staying).toEqual(expect.arrayContaining(kept(backups, rules)));
      }),
    );
  });

  test('P9 every decision has a reason, in the order given, and no-delete tells the same ones due', () => {
    fc.assert(
      fc.property(lists, policies, (backups, rules) => {
        const decisions = decideBackups(backups, rules, now);
        expect(decisions.map(({ id }) => id)).toEqual(backups.map(({ id }) => id));
        expect(decisions.every(({ reasons }) => reasons.length > 0)).toBe(true);
        const held = decideBackups(backups, { ...rules, noDelete: true }, now);
        expect(held.every(({ keeps }) => keeps)).toBe(true);
        expect(held.map(({ isDue }) => isDue)).toEqual(decisions.map(({ isDue }) => isDue));
      }),
    );
  });
});
