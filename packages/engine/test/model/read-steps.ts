// Steps that read: single keys, many keys, whole ranges at once, and iterators that live on.
import fc from 'fast-check';
import type { Moment, State } from './history.js';
import {
  entriesOf,
  sameEntries,
  seekIn,
  spaces,
  type Entry,
  type Range,
  type Space,
} from './range.js';
import {
  allKeys,
  isAwaitedArbitrary,
  keyArbitrary,
  rangeArbitrary,
  snapshotArbitrary,
  spaceArbitrary,
  step,
  type Step,
} from './step.js';
import type { Db, Iterator, LiveIterator, LiveSnapshot, Subject } from './subject.js';
import { there } from '../workbench.js';
import { bytesOf, keyOf, shown, tokenOf } from './value.js';

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
type KeyRead = (typeof keyReads)[number];

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
      // Each get() and has() is a read of its own; of the others all keys are of one moment.
      const reads = how === 'get' || how === 'has' ? keys.map((key) => [key]) : [keys];
      const done = reads.map((asked) => readKeys(subject, how, space, asked, snapshot));
      if (isAwaited) await subject.finish(Promise.all(done), true);
    }),
  );

/** All that there is, at once, in one turn: the cheapest look at a whole state. */
export const look: fc.Arbitrary<Step> = snapshotArbitrary.map((snapshot) =>
  step(`look(${snapshot})`, async (subject) => {
    for (const space of spaces) void readKeys(subject, 'getSync', space, allKeys, snapshot);
  }),
);

function readKeys(
  subject: Subject,
  how: KeyRead,
  space: Space,
  keys: readonly string[],
  snapshot: number,
): Promise<void> {
  const frozen = subject.snapshots[snapshot];
  const isHas = how.startsWith('has');
  const expected = (state: State, key: string): unknown =>
    isHas ? state.has(space + key) : state.get(space + key);
  return subject.read(
    () => readStored(subject.level(space), how, keys.map(bytesOf), viewOf(frozen)),
    (result, issuedAt) => {
      const shows = result.map((value) => (typeof value === 'string' ? tokenOf(value) : value));
      judge(subject, frozen, { issuedAt, isFrozen: how === 'getSync', shows }, (state) =>
        keys.every((key, index) => expected(state, key) === shows[index]),
      );
    },
  );
}

async function readStored(
  level: Db,
  how: KeyRead,
  keys: Buffer[],
  view: object,
): Promise<unknown[]> {
  switch (how) {
    case 'getSync':
      return keys.map((key) => level.getSync(key, view));
    case 'getMany':
      return level.getMany(keys, view);
    case 'hasMany':
      return level.hasMany(keys, view);
    case 'get':
      return Promise.all(keys.map((key) => level.get(key, view)));
    case 'has':
      return Promise.all(keys.map((key) => level.has(key, view)));
  }
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
      if (isAwaited) await subject.finish(done, true);
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
  .record({
    space: spaceArbitrary,
    range: rangeArbitrary,
    snapshot: snapshotArbitrary,
    /** Sought before anything is read. */
    target: fc.option(keyArbitrary, { nil: undefined }),
  })
  .map(({ space, range, snapshot, target }) =>
    step(`openIterator(${shown({ space, range, snapshot, target })})`, async (subject) => {
      const frozen = subject.snapshots[snapshot];
      const states = frozen?.states ?? subject.history.frozenStates();
      const options = { ...asRange(range), ...viewOf(frozen) };
      const unlimited = { ...range, limit: -1 };
      const live: LiveIterator = {
        handle: subject.level(space).iterator(options),
        range,
        snapshot: frozen,
        runs: states.map((state) => ({ entries: entriesOf(state, space, unlimited), at: 0 })),
        count: 0,
      };
      subject.iterators.push(live);
      if (target !== undefined) seek(live, target);
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
        const { handle } = live;
        if (how === 'all' || how === 'close') subject.iterators.splice(place, 1);
        if (how === 'close') {
          await handle.close();
          return;
        }
        if (how === 'seek') seek(live, target);
        const count = { next: 1, seek: 1, nextv: size, all: Infinity }[how];
        const read =
          how === 'all' ? handle.all() : how === 'nextv' ? handle.nextv(size) : nextOf(handle);
        advance(live, (await subject.finish(read, true)).map(asEntry), count);
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
