// Steps that write: put, del, batches of both kinds over all sublevels, clear().
import type { AbstractBatchOperation } from 'abstract-level';
import fc from 'fast-check';
import type { Change } from './history.js';
import { entriesOf, spaces, type Range, type Space } from './range.js';
import {
  allKeys,
  isAwaitedArbitrary,
  keyArbitrary,
  rangeArbitrary,
  shown,
  snapshotArbitrary,
  spaceArbitrary,
  step,
  type Step,
} from './step.js';
import type { Db, Subject } from './subject.js';
import { bytesOf, valueOf, valueToken } from './value.js';
import { asRange } from './read-steps.js';

interface PlannedWrite {
  readonly isPut: boolean;
  readonly space: Space;
  readonly key: string;
  /** Bytes of padding in the value. */
  readonly size: number;
  /** Hand the key over as text where it is text. */
  readonly isText: boolean;
}

const plannedWriteArbitrary: fc.Arbitrary<PlannedWrite> = fc.record({
  isPut: fc.constantFrom(true, true, false),
  space: spaceArbitrary,
  key: keyArbitrary,
  size: fc.constantFrom(0, 0, 0, 100, 5000, 50_000),
  isText: fc.boolean(),
});

type PublicOperation = AbstractBatchOperation<Db, Buffer, string>;

interface Prepared {
  readonly change: Change;
  readonly operation: PublicOperation;
}

function prepare(subject: Subject, write: PlannedWrite): Prepared {
  const { isPut, space, key, size } = write;
  const isText = write.isText && /^[\0-\x7f]*$/.test(key);
  const form = isText
    ? { key: key as unknown as Buffer, keyEncoding: 'utf8' }
    : { key: bytesOf(key), keyEncoding: 'buffer' };
  if (!isPut) {
    return { change: [space + key, null], operation: { type: 'del', ...form } };
  }
  const token = valueToken(subject.nextSerial(), size);
  const operation = { type: 'put', value: valueOf(token), ...form } as const;
  return { change: [space + key, token], operation };
}

interface PlannedCommit {
  readonly how: 'single' | 'batch' | 'chained';
  readonly writes: readonly PlannedWrite[];
  /** A batch of one sublevel, or from the root over all of them. */
  readonly space: Space;
}

const plannedCommitArbitrary: fc.Arbitrary<PlannedCommit> = fc.record({
  how: fc.constantFrom('single', 'batch', 'chained'),
  writes: fc.array(plannedWriteArbitrary, { minLength: 1, maxLength: 8 }),
  space: spaceArbitrary,
});

/** Commits that are issued in one go, without a turn of the event loop between them. */
export const commits: fc.Arbitrary<Step> = fc
  .record({
    planned: fc.array(plannedCommitArbitrary, { minLength: 1, maxLength: 4 }),
    isAwaited: isAwaitedArbitrary,
  })
  .map(({ planned, isAwaited }) =>
    step(`commits(${shown({ planned, isAwaited })})`, async (subject) => {
      const done = planned.map((commit) => issue(subject, commit));
      if (isAwaited) await subject.finish(Promise.all(done));
    }),
  );

/** Each key that there can be gets a value, in one commit. */
export function fill(subject: Subject): Promise<void> {
  const writes = spaces.flatMap((space) =>
    allKeys.map((key) => ({ isPut: true, space, key, size: 0, isText: false })),
  );
  return issue(subject, { how: 'batch', writes, space: '' });
}

function issue(subject: Subject, { how, writes, space }: PlannedCommit): Promise<void> {
  const [first] = writes;
  if (how === 'single' && first !== undefined) return issueSingle(subject, first);
  const level = subject.level(space);
  const prepared = writes.map((write) => {
    const place = space === '' ? write.space : space;
    const { change, operation } = prepare(subject, { ...write, space: place });
    const isBelow = space === '' && place !== '';
    const sublevel = isBelow ? { sublevel: subject.level(place) as never } : {};
    return { change, operation: { ...operation, ...sublevel } };
  });
  const changes = prepared.map(({ change }) => change);
  const operations = prepared.map(({ operation }) => operation);
  return subject.write(changes, () =>
    how === 'chained' ? writeChained(level, operations) : level.batch(operations),
  );
}

function issueSingle(subject: Subject, write: PlannedWrite): Promise<void> {
  const { change, operation } = prepare(subject, write);
  const level = subject.level(write.space);
  const { key, keyEncoding } = operation;
  const options = { keyEncoding } as { keyEncoding: 'buffer' };
  return subject.write([change], () =>
    operation.type === 'put' ? level.put(key, operation.value, options) : level.del(key, options),
  );
}

function writeChained(level: Db, operations: readonly PublicOperation[]): Promise<void> {
  const chained = level.batch();
  for (const operation of operations) {
    if (operation.type === 'put') chained.put(operation.key, operation.value, operation as never);
    else chained.del(operation.key, operation as never);
  }
  return chained.write();
}

export const clear: fc.Arbitrary<Step> = fc
  .record({
    space: spaceArbitrary,
    range: rangeArbitrary,
    snapshot: snapshotArbitrary,
    isAwaited: isAwaitedArbitrary,
  })
  .map(({ space, range, snapshot, isAwaited }) =>
    step(
      `clear(${shown({ space, range, snapshot, isAwaited })})`,
      (subject) => runClear(subject, space, range, snapshot, isAwaited),
      (subject) => !subject.history.isClearPending,
    ),
  );

async function runClear(
  subject: Subject,
  space: Space,
  range: Range,
  snapshot: number,
  isAwaited: boolean,
): Promise<void> {
  const frozen = subject.snapshots[snapshot];
  const view = frozen === undefined ? {} : { snapshot: frozen.handle };
  const done = subject.clear(
    (state) => entriesOf(state, space, range).map(([key]) => space + key),
    frozen?.states ?? null,
    () => subject.level(space).clear({ ...asRange(range), ...view } as object),
  );
  if (isAwaited) await subject.finish(done);
}
