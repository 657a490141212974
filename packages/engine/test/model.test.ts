// Reads, iterators and snapshots against a model, while writes are under way: random sequences of
// everything that an application can do, most of it without waiting for what was done before.
//
// PAMINA_MODEL_RUNS=5000 runs longer with a seed of its own; PAMINA_MODEL_SEED, PAMINA_MODEL_PATH and
// PAMINA_MODEL_REPLAY repeat what a failure has printed (as exactly as the disk's timing allows).
import fc from 'fast-check';
import { expect, test } from 'vitest';
import * as life from './model/life-steps.js';
import * as reads from './model/read-steps.js';
import { Subject } from './model/subject.js';
import * as writes from './model/write-steps.js';

const { env } = process;
const fixedSeed = 20_26;
const secondsInCi = 15;
const runs = env['PAMINA_MODEL_RUNS'];
const seed = env['PAMINA_MODEL_SEED'] ?? (runs === undefined ? fixedSeed : Date.now());
const replayPath = env['PAMINA_MODEL_REPLAY'];
const path = env['PAMINA_MODEL_PATH'];

const steps = [
  ...[writes.commits, writes.commits, writes.commits, writes.commits, writes.clear],
  ...[reads.keys, reads.keys, reads.keys, reads.range, reads.range, reads.openIterator],
  ...[reads.useIterator, reads.useIterator, reads.useIterator],
  ...[life.takeSnapshot, life.closeSnapshot, life.turn, life.turn, life.awaitOldest],
  ...[life.hold, life.release, life.settle, life.reopen],
];

const timeout = runs === undefined ? 60_000 : 24 * 60 * 60 * 1000;

test(
  'P2 a read sees all that was acknowledged before it and never a part of a commit',
  { timeout },
  async () => {
    let finished = 0;
    const sequences = fc.commands(steps, {
      maxCommands: 150,
      size: 'max',
      ...(replayPath === undefined ? {} : { replayPath }),
    });
    // Half of the databases have a store that keeps up.
    const delays = fc.oneof(fc.constant([]), fc.array(fc.nat({ max: 4 }), { maxLength: 20 }));
    await fc.assert(
      fc.asyncProperty(sequences, delays, async (sequence, delaysMs) => {
        const subject = await Subject.open(delaysMs);
        try {
          await writes.fill(subject);
          await fc.asyncModelRun(() => ({ model: subject, real: null }), sequence);
          await life.settled(subject);
          await subject.reopen();
          await life.settled(subject);
        } finally {
          await subject.dispose();
        }
        finished++;
      }),
      {
        seed: Number(seed),
        numRuns: Number(runs ?? 200),
        ...(path === undefined ? {} : { path }),
        ...(runs === undefined ? { interruptAfterTimeLimit: secondsInCi * 1000 } : {}),
      },
    );
    expect(finished).toBeGreaterThan(0);
  },
);
