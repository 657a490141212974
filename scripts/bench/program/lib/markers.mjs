// How long until a commit is seen elsewhere. One process puts a marker now and then and notes when the
// put began; another one sleeps until a marker is due, asks for it again and again until it is there, and
// notes when that was. Both read the same clock: the monotonic one of the system, which is one for all
// processes. When markers are due is agreed on ahead, so nothing else passes between the two.
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { keysFrom, randomFrom } from './document.mjs';

const nanosecondsPerMillisecond = 1e6;
/** A marker that is not seen so long after it was due never will be. */
const unseenMsMax = 60_000;

/** Sleeps that end too early are followed by short ones. */
async function untilDue(dueMs) {
  for (let left = dueMs - Date.now(); left > 0; left = dueMs - Date.now()) await sleep(left);
}

function clockMs() {
  return Number(process.hrtime.bigint()) / nanosecondsPerMillisecond;
}

const keyOf = (run, marker) => `marker:${run}:${marker}`;
const dueAt = ({ firstMs, everyMs }, marker) => firstMs + marker * everyMs;

/** Puts the markers while the load goes on; when each of its puts began, and commits/s of the load. */
export async function mark({ schedule, load, seed, values, put }) {
  const { markers, run } = schedule;
  const startedAt = [];
  const puts = [];
  const loading = new Loading({ load, seed, values, put });
  for (let marker = 0; marker < markers; marker += 1) {
    await untilDue(dueAt(schedule, marker));
    startedAt.push(clockMs());
    // One that takes long does not hold up the next.
    puts.push(put(keyOf(run, marker), values[marker % values.length]));
  }
  await Promise.all(puts);
  return { startedAt, loadRate: await loading.end() };
}

/** When each marker was seen. */
export async function watch({ schedule, isThere }) {
  const { markers, run } = schedule;
  const seenAt = [];
  for (let marker = 0; marker < markers; marker += 1) {
    const dueMs = dueAt(schedule, marker);
    const key = keyOf(run, marker);
    await untilDue(dueMs);
    while (!(await isThere(key))) {
      if (Date.now() > dueMs + unseenMsMax) throw new Error(`${key} was not seen`);
      // What comes in is taken in between.
      await setImmediate();
    }
    seenAt.push(clockMs());
  }
  return { seenAt };
}

/** What is written beside the markers: by so many writers as fast as it goes, or so much a second. */
class Loading {
  #puts = 0;
  #hasEnded = false;
  #startedAt = clockMs();
  #working;

  constructor({ load, seed, values, put }) {
    const nextKey = keysFrom(seed);
    const putOne = () => {
      this.#puts += 1;
      return put(nextKey(), values[this.#puts % values.length]);
    };
    if (load === null) this.#working = Promise.resolve();
    else if ('writers' in load) this.#working = this.#saturate(load.writers, putOne);
    else this.#working = this.#pace(load.perSecond, randomFrom(seed), putOne);
  }

  async end() {
    this.#hasEnded = true;
    const seconds = (clockMs() - this.#startedAt) / 1000;
    const rate = this.#puts / seconds;
    await this.#working;
    return rate;
  }

  async #saturate(writers, putOne) {
    const write = async () => {
      while (!this.#hasEnded) await putOne();
    };
    await Promise.all(Array.from({ length: writers }, write));
  }

  /** Arrivals as those of pgbench with a rate: independent of each other, so that some come together. */
  async #pace(perSecond, random, putOne) {
    const puts = [];
    let nextAt = clockMs();
    while (!this.#hasEnded) {
      for (const now = clockMs(); nextAt <= now;) {
        puts.push(putOne());
        nextAt += (-Math.log((random() + 1) / 2 ** 32) / perSecond) * 1000;
      }
      await sleep(Math.max(0, nextAt - clockMs()));
    }
    await Promise.all(puts);
  }
}
