// Steps around reads and writes: snapshots come and go, time passes, the disk holds its syncs, the
// database is closed and opened, and everything comes to rest.
import fc from 'fast-check';
import { setImmediate } from 'node:timers/promises';
import { entriesOf, sameEntries, type Entry } from './range.js';
import { shown, step, type Step } from './step.js';
import type { Subject } from './subject.js';
import { keyOf, tokenOf } from './value.js';

const snapshotsMax = 4;

export const takeSnapshot: fc.Arbitrary<Step> = fc.constant(
  step(
    'takeSnapshot()',
    async (subject) => {
      const states = subject.history.frozenStates();
      subject.snapshots.push({ handle: subject.db.snapshot(), states });
    },
    ({ snapshots }) => snapshots.length < snapshotsMax,
  ),
);

export const closeSnapshot: fc.Arbitrary<Step> = fc.nat(snapshotsMax - 1).map((index) =>
  step(
    `closeSnapshot(${index})`,
    (subject) => subject.closeSnapshot(index),
    ({ snapshots }) => snapshots[index] !== undefined,
  ),
);

export const turn: fc.Arbitrary<Step> = fc.integer({ min: 1, max: 5 }).map((turns) =>
  step(`turn(${turns})`, async () => {
    for (let left = turns; left > 0; left--) await setImmediate();
  }),
);

export const hold: fc.Arbitrary<Step> = fc.constant(
  step('hold()', async (subject) => subject.hold()),
);

export const release: fc.Arbitrary<Step> = fc.constant(
  step('release()', async (subject) => subject.release()),
);

export const awaitOldest: fc.Arbitrary<Step> = fc.constant(
  step('awaitOldest()', (subject) => subject.oldest()),
);

export const reopen: fc.Arbitrary<Step> = fc.constant(
  step('reopen()', (subject) => subject.reopen()),
);

export const settle: fc.Arbitrary<Step> = fc.constant(step('settle()', settled));

/** Everything that is under way ends; then the whole content must be what some order leaves. */
export async function settled(subject: Subject): Promise<void> {
  await subject.quiet();
  const shows: Entry[] = [];
  for await (const [key, value] of subject.db.iterator()) shows.push([keyOf(key), tokenOf(value)]);
  const states = subject.history.finalStates();
  const state = states.find((final) => sameEntries(entriesOf(final, '', {}), shows));
  if (state === undefined) {
    const possible = states
      .map((final) => shown([...final].sort(([a], [b]) => (a < b ? -1 : 1))))
      .join('\n  ');
    throw new Error(`at rest there is ${shown(shows)}; possible:\n  ${possible}`);
  }
  subject.history.settle(state);
}
