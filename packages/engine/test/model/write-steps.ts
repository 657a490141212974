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
  snapshotArbitrary,
  spaceArbitrary,
  step,
  type Step,
} from './step.js';
import type { Db, Subject } from './subject.js';
import { bytesOf, shown, valueOf, valueToken } from './value.js';
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
  isPut: fc.boolean(),
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
  readonly durability: 'disk' | 'memory';
}

const durabilityArbitrary = fc.constantFrom('disk' as const, 'memory' as const);

const plannedCommitArbitrary: fc.Arbitrary<PlannedCommit> = fc.record({
  how: fc.constantFrom('single', 'batch', 'chained'),
  writes: fc.array(plannedWriteArbitrary, { minLength: 1, maxLength: 8 }),
  space: spaceArbitrary,
  durability: durabilityArbitrary,
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
      const isEarly = planned.every(({ durability }) => durability === 'memory');
      if (isAwaited) await subject.finish(Promise.all(done), isEarly);
    }),
  );

/** Each key that there can be gets a value, in one commit. */
export function fill(subject: Subject): Promise<void> {
  const writes = spaces.flatMap((space) =>
    allKeys.map((key) => ({ isPut: true, space, key, size: 0, isText: false })),
  );
  return issue(subject, { how: 'batch', writes, space: '', durability: 'disk' });
}

function issue(subject: Subject, commit: PlannedCommit): Promise<void> {
  const { how, writes, space, durability } = commit;
  const [first] = writes;
  if (how === 'single' && first !== undefined) return issueSingle(subject, first, durability);
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
    how === 'chained'
      ? writeChained(level, operations, durability)
      : level.batch(operations, { durability }),
  );
}

function issueSingle(
  subject: Subject,
  write: PlannedWrite,
  durability: PlannedCommit['durability'],
): Promise<void> {
  const { change, operation } = prepare(subject, write);
  const level = subject.level(write.space);
  const { key, keyEncoding } = operation;
  const options = { keyEncoding: keyEncoding as 'buffer', durability };
  return subject.write([change], () =>
    operation.type === 'put' ? level.put(key, operation.value, options) : level.del(key, options),
  );
}

function writeChained(
  level: Db,
  operations: readonly PublicOperation[],
  durability: PlannedCommit['durability'],
): Promise<void> {
  const chained = level.batch();
  for (const operation of operations) {
    if (operation.type === 'put') chained.put(operation.key, operation.value, operation as never);
    else chained.del(operation.key, operation as never);
  }
  return chained.write({ durability } as object);
}

export const clear: fc.Arbitrary<Step> = fc
  .record({
    space: spaceArbitrary,
    range: rangeArbitrary,
    snapshot: snapshotArbitrary,
    durability: durabilityArbitrary,
    isAwaited: isAwaitedArbitrary,
  })
  .map((planned) =>
    step(
      `clear(${shown(planned)})`,
      (subject) => runClear(subject, planned),
      (subject) => !subject.history.isClearPending,
    ),
  );

interface PlannedClear {
  readonly space: Space;
  readonly range: Range;
  readonly snapshot: number;
  readonly durability: PlannedCommit['durability'];
  readonly isAwaited: boolean;
}

async function runClear(subject: Subject, planned: PlannedClear): Promise<void> {
  const { space, range, snapshot, durability } = planned;
  const frozen = subject.snapshots[snapshot];
  const view = frozen === undefined ? {} : { snapshot: frozen.handle };
  const done = subject.clear(
    (state) => entriesOf(state, space, range).map(([key]) => space + key),
    frozen?.states ?? null,
    () => subject.level(space).clear({ ...asRange(range), ...view, durability } as object),
  );
  if (planned.isAwaited) await subject.finish(done);
}
