// Steps around reads and writes: snapshots come and go, time passes, the disk holds its syncs, the
// database is closed and opened, and everything comes to rest.
import fc from 'fast-check';
import { setImmediate } from 'node:timers/promises';
import { settled } from './rest.js';
import { step, type Step } from './step.js';

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
