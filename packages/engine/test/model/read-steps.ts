// Steps that read: single keys, many keys, whole ranges at once, and iterators that live on.
import fc from 'fast-check';
import type { Moment, State } from './history.js';
import { entriesOf, sameEntries, seekIn, type Entry, type Range, type Space } from './range.js';
import {
  isAwaitedArbitrary,
  keyArbitrary,
  rangeArbitrary,
  shown,
  snapshotArbitrary,
  spaceArbitrary,
  step,
  type Step,
} from './step.js';
import type { Iterator, LiveIterator, LiveSnapshot, Subject } from './subject.js';
import { there } from '../workbench.js';
import { bytesOf, keyOf, tokenOf } from './value.js';

/** A range as the database takes it. */
export function asRange(range: Range): Record<string, unknown> {
  const bounds = (['gt', 'gte', 'lt', 'lte'] as const).flatMap((bound) => {
    const key = range[bound];
    return key === undefined ? [] : [[bound, bytesOf(key)] as const];
  });
  const { reverse = false, limit = -1 } = range;
  return { ...Object.fromEntries(bounds), reverse, limit };
}

/** Throws unless some state that the read may show explains it. */
function judge(
  subject: Subject,
  snapshot: LiveSnapshot | undefined,
  read: { readonly issuedAt: Moment; readonly isFrozen: boolean; readonly shows: unknown },
  matches: (state: State) => boolean,
): void {
  if (snapshot !== undefined) {
    const states = snapshot.states.filter(matches);
    if (states.length === 0) throw unexplained(read.shows, snapshot.states);
    snapshot.states = states;
  } else if (!subject.history.observe(read.issuedAt, read.isFrozen, matches)) {
    throw unexplained(read.shows, subject.history.frozenStates());
  }
}

function unexplained(shows: unknown, states: readonly State[]): Error {
  const possible = states
    .map((state) => shown([...state].sort(([a], [b]) => (a < b ? -1 : 1))))
    .join('\n  ');
  return new Error(`no possible state explains ${shown(shows)}; possible now:\n  ${possible}`);
}

function viewOf(snapshot: LiveSnapshot | undefined): object {
  return snapshot === undefined ? {} : { snapshot: snapshot.handle };
}

const keyReads = ['get', 'has', 'getMany', 'hasMany', 'getSync'] as const;

export const keys: fc.Arbitrary<Step> = fc
  .record({
    how: fc.constantFrom(...keyReads),
    space: spaceArbitrary,
    keys: fc.array(keyArbitrary, { minLength: 1, maxLength: 15 }),
    snapshot: snapshotArbitrary,
    isAwaited: isAwaitedArbitrary,
  })
  .map(({ how, space, keys, snapshot, isAwaited }) =>
    step(`${how}(${shown({ space, keys, snapshot, isAwaited })})`, async (subject) => {
      const frozen = subject.snapshots[snapshot];
      const asked = how.endsWith('Many') ? keys : keys.slice(0, 1);
      const isHas = how.startsWith('has');
      const expected = (state: State): unknown[] =>
        asked.map((key) => (isHas ? state.has(space + key) : state.get(space + key)));
      const judgeKeys = (result: unknown[], issuedAt: Moment): void => {
        const shows = result.map((value) => (typeof value === 'string' ? tokenOf(value) : value));
        judge(subject, frozen, { issuedAt, isFrozen: how === 'getSync', shows }, (state) =>
          expected(state).every((value, index) => value === shows[index]),
        );
      };
      const task = (): Promise<unknown[]> => readKeys(subject, how, space, asked, viewOf(frozen));
      const done = subject.read(task, judgeKeys);
      if (isAwaited) await done;
    }),
  );

async function readKeys(
  subject: Subject,
  how: (typeof keyReads)[number],
  space: Space,
  keys: readonly string[],
  view: object,
): Promise<unknown[]> {
  const level = subject.level(space);
  const all = keys.map(bytesOf);
  const [first = Buffer.alloc(0)] = all;
  if (how === 'getSync') return [level.getSync(first, view)];
  if (how === 'get') return [await level.get(first, view)];
  if (how === 'has') return [await level.has(first, view)];
  return how === 'getMany' ? level.getMany(all, view) : level.hasMany(all, view);
}

const rangeReads = ['all', 'next', 'nextv', 'keys', 'values'] as const;
type RangeRead = (typeof rangeReads)[number];

export const range: fc.Arbitrary<Step> = fc
  .record({
    how: fc.constantFrom(...rangeReads),
    space: spaceArbitrary,
    range: fc.oneof(rangeArbitrary, fc.constant<Range>({})),
    snapshot: snapshotArbitrary,
    isAwaited: isAwaitedArbitrary,
  })
  .map(({ how, space, range, snapshot, isAwaited }) =>
    step(`range(${shown({ how, space, range, snapshot, isAwaited })})`, async (subject) => {
      const frozen = subject.snapshots[snapshot];
      const task = (): Promise<Entry[]> =>
        readRange(subject, how, space, { ...asRange(range), ...viewOf(frozen) });
      const done = subject.read(task, (shows, issuedAt) => {
        judge(subject, frozen, { issuedAt, isFrozen: true, shows }, (state) => {
          const entries = entriesOf(state, space, range);
          return sameEntries(entries.map(partOf(how)), shows);
        });
      });
      if (isAwaited) await done;
    }),
  );

function partOf(how: RangeRead): (entry: Entry) => Entry {
  if (how === 'keys') return ([key]) => [key, ''];
  return how === 'values' ? ([, value]) => ['', value] : (entry) => entry;
}

/** The iterator is made before anything is awaited. */
async function readRange(
  subject: Subject,
  how: RangeRead,
  space: Space,
  options: object,
): Promise<Entry[]> {
  const level = subject.level(space);
  if (how === 'keys') return (await level.keys(options).all()).map((key) => [keyOf(key), '']);
  if (how === 'values') {
    return (await level.values(options).all()).map((value) => ['', tokenOf(value)]);
  }
  const iterator = level.iterator(options);
  if (how === 'all') return (await iterator.all()).map(asEntry);
  const entries: Entry[] = [];
  for (;;) {
    const more = how === 'next' ? await nextOf(iterator) : await iterator.nextv(2);
    if (more.length === 0) break;
    entries.push(...more.map(asEntry));
  }
  await iterator.close();
  return entries;
}

async function nextOf(iterator: Iterator): Promise<[Buffer, string][]> {
  const entry = await iterator.next();
  return entry === undefined ? [] : [entry];
}

function asEntry([key, value]: [Buffer, string]): Entry {
  return [keyOf(key), tokenOf(value)];
}

export const openIterator: fc.Arbitrary<Step> = fc
  .record({ space: spaceArbitrary, range: rangeArbitrary, snapshot: snapshotArbitrary })
  .map(({ space, range, snapshot }) =>
    step(`openIterator(${shown({ space, range, snapshot })})`, async (subject) => {
      const frozen = subject.snapshots[snapshot];
      const states = frozen?.states ?? subject.history.frozenStates();
      const options = { ...asRange(range), ...viewOf(frozen) };
      const unlimited = { ...range, limit: -1 };
      subject.iterators.push({
        handle: subject.level(space).iterator(options),
        range,
        snapshot: frozen,
        runs: states.map((state) => ({ entries: entriesOf(state, space, unlimited), at: 0 })),
        count: 0,
      });
    }),
  );

export const useIterator: fc.Arbitrary<Step> = fc
  .record({
    index: fc.nat(3),
    how: fc.constantFrom('next', 'next', 'nextv', 'nextv', 'seek', 'seek', 'all', 'close'),
    size: fc.integer({ min: 1, max: 5 }),
    target: keyArbitrary,
  })
  .map(({ index, how, size, target }) =>
    step(
      `useIterator(${shown({ index, how, size, target })})`,
      async (subject) => {
        const place = index % subject.iterators.length;
        const live = there(subject.iterators[place]);
        if (how === 'seek') seek(live, target);
        if (how === 'next' || how === 'seek')
          advance(live, (await nextOf(live.handle)).map(asEntry), 1);
        else if (how === 'nextv') advance(live, (await live.handle.nextv(size)).map(asEntry), size);
        else subject.iterators.splice(place, 1);
        if (how === 'all') advance(live, (await live.handle.all()).map(asEntry), Infinity);
        else if (how === 'close') await live.handle.close();
      },
      ({ iterators }) => iterators.length > 0,
    ),
  );

/** What a limit counts after seek() is not defined, so that these two are not mixed. */
function seek(live: LiveIterator, target: string): void {
  if (live.range.limit !== undefined) return;
  live.handle.seek(bytesOf(target));
  live.runs = live.runs.map(({ entries }) => ({
    entries,
    at: seekIn(entries, live.range, target),
  }));
}

/** Up to `size` entries were read: fewer only at the end, or with nextv() at the end of what is cached. */
function advance(live: LiveIterator, shows: readonly Entry[], size: number): void {
  const { limit = Infinity } = live.range;
  const room = Math.min(size, limit - live.count);
  const runs = live.runs.filter(({ entries, at }) => {
    const rest = entries.slice(at, at + room);
    const isEnough = size === Infinity ? shows.length === rest.length : shows.length > 0;
    return (isEnough || rest.length === 0) && sameEntries(rest.slice(0, shows.length), shows);
  });
  if (runs.length === 0) {
    const possible = live.runs.map(({ entries, at }) => `${at} of ${shown(entries)}`).join('\n  ');
    throw new Error(`no possible state explains ${shown(shows)} from\n  ${possible}`);
  }
  live.runs = runs.map(({ entries, at }) => ({ entries, at: at + shows.length }));
  live.count += shows.length;
}
