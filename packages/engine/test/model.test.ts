// Reads, iterators and snapshots against a model, while writes are under way: random sequences of
// everything that an application can do, most of it without waiting for what was done before.
//
// PAMINA_MODEL_RUNS=5000 runs longer with a seed of its own; PAMINA_MODEL_SEED, PAMINA_MODEL_PATH and
// PAMINA_MODEL_REPLAY repeat what a failure has printed (as exactly as the disk's timing allows).
import fc from 'fast-check';
import { expect, test } from 'vitest';
import * as life from './model/life-steps.js';
import { settled } from './model/rest.js';
import * as reads from './model/read-steps.js';
import { Subject } from './model/subject.js';
import * as writes from './model/write-steps.js';

const { env } = process;
const fixedSeed = 20_26;
const secondsInCi = 15;
/** So long no sequence takes on any machine, unless something in it never ends. */
const hangMs = 15_000;
const runs = env['PAMINA_MODEL_RUNS'];
const seed = env['PAMINA_MODEL_SEED'] ?? (runs === undefined ? fixedSeed : Date.now());
const replayPath = env['PAMINA_MODEL_REPLAY'];
const path = env['PAMINA_MODEL_PATH'];

/** How often a step is drawn beside the others. */
const steps = (
  [
    ...([
      [8, writes.commits],
      [2, writes.clear],
    ] as const),
    ...([
      [6, reads.look],
      [6, reads.keys],
      [4, reads.range],
    ] as const),
    ...([
      [4, reads.openIterator],
      [7, reads.useIterator],
    ] as const),
    ...([
      [2, life.takeSnapshot],
      [1, life.closeSnapshot],
    ] as const),
    ...([
      [4, life.turn],
      [2, life.awaitOldest],
      [2, life.hold],
      [2, life.release],
    ] as const),
    // The dear ones.
    ...([
      [1, life.settle],
      [1, life.reopen],
    ] as const),
  ] as const
).flatMap(([times, one]) => Array.from({ length: times }, () => one));

const isShort = runs === undefined && path === undefined;
const timeout = isShort ? 60_000 : 24 * 60 * 60 * 1000;

test(
  'P2 a read sees all that was acknowledged before it and never a part of a commit',
  { timeout },
  async () => {
    let finished = 0;
    const endsAt = isShort ? performance.now() + secondsInCi * 1000 : Infinity;
    const sequences = fc.commands(steps, {
      maxCommands: 250,
      size: 'max',
      ...(replayPath === undefined ? {} : { replayPath }),
    });
    // Half of the databases have a store that keeps up.
    const delays = fc.oneof(fc.constant([]), fc.array(fc.nat({ max: 4 }), { maxLength: 20 }));
    await fc.assert(
      fc.asyncProperty(sequences, delays, async (sequence, delaysMs) => {
        // Not fast-check's own limit: it would take a run that hangs at the end for a good one.
        if (performance.now() > endsAt) return;
        const subject = await Subject.open(delaysMs);
        try {
          await writes.fill(subject);
          await fc.asyncModelRun(() => ({ model: subject, real: null }), sequence);
          await settled(subject);
          await subject.reopen();
          await settled(subject);
        } finally {
          await subject.dispose();
        }
        finished++;
      }),
      {
        timeout: hangMs,
        seed: Number(seed),
        numRuns: Number(runs ?? 200),
        ...(path === undefined ? {} : { path }),
      },
    );
    expect(finished).toBeGreaterThan(0);
  },
);
