// A fixed piece of work, so that its k-th write is the same one in every run: create, open, commits in
// rounds over several segments, a backup, close; then a second session. It expects that any step can
// fail, tells how each ended, and finds it wrong if a failure is not one that the promises allow (P7).
// Argument: the work as JSON.
import { createDatabase } from '@pamina/engine';
import { expireBackups, takeBackup } from '@pamina/backup';
import { nodeEnv } from '@pamina/env';
import { isPaminaError } from '@pamina/format';
import { existsSync, writeSync } from 'node:fs';
import { newLedger, type Ledger, type Outcome } from './ledger.js';
import { checkedBy, commit, openPamina, paminaError, type Opened } from './opened.js';
import { settle } from './settle.js';
import { commitOf, type Plan } from './workload.js';

export interface Work {
  readonly folder: string;
  readonly plan: Plan;
  readonly segmentBytes: number;
}

export interface WorkReport {
  /** What failed, as step and code, in order. */
  readonly failures: readonly string[];
  readonly faults: readonly string[];
  /** What the process was told of its commits, and found out itself. */
  readonly ledger: Ledger;
}

const rounds = 5;
const commitsPerRound = 2;
/** Longer than any commit here takes; what waits for space on a full disk is then closed over. */
const patienceMs = 2000;

const work = JSON.parse(process.argv[2] ?? '') as Work;
const { plan, segmentBytes } = work;
const env = nodeEnv();
const failures: string[] = [];
const faults: string[] = [];
let ledger = newLedger(plan.writers);

for (const session of [1, 2]) await runSession(session);
const report: WorkReport = { failures, faults, ledger };
writeSync(1, `${JSON.stringify(report)}\n`);
process.exit(0);

async function runSession(session: number): Promise<void> {
  if (!existsSync(`${work.folder}/control.json`)) {
    await attempt('create', () => createDatabase(work.folder, { env, name: 'orders' }));
  }
  const level = await attempt('open', () => openPamina(work.folder, { env, segmentBytes }));
  if (level === null) return;
  await settleIfApplied(level);
  const underWay = await runRounds(level);
  if (underWay === null && session === 1) await backup(level);
  await attempt('close', () => level.close());
  await underWay;
}

/** The log that the backup lets go of is checked before, its own records too. */
async function backup(level: Opened): Promise<void> {
  await attempt('backup', () => takeBackup(level.database));
  if (!(await settleIfApplied(level))) return;
  await attempt('backup', () => expireBackups(level.database, { generations: 1 }));
}

/** The store may be closed while it waits for its disk: then nothing can be told, and false is returned. */
async function settleIfApplied(level: Opened): Promise<boolean> {
  const { database } = level;
  // What became of an unknown commit shows at the next opening.
  if (database.state !== 'open') return false;
  const applied = attempt('apply', async () => {
    await database.whenApplied(database.durable().seq);
    return true;
  });
  if ((await withinPatience(applied)) !== true) return false;
  const settled = await settle(plan, ledger, checkedBy(level));
  faults.push(...settled.faults);
  ledger = settled.ledger;
  return true;
}

/** Null, or what still waits at the end: it ends when the database is closed. */
async function runRounds(level: Opened): Promise<Promise<unknown> | null> {
  for (let round = 0; round < rounds; round += 1) {
    const ends: Promise<Ended>[] = [];
    for (const writer of ledger.writers.keys()) {
      for (let count = 0; count < commitsPerRound; count += 1) ends.push(commitNext(level, writer));
    }
    const all = Promise.all(ends);
    const ended = await withinPatience(all);
    if (ended === null) {
      noteFailure('commit waits');
      return all;
    }
    await judgeRound(level, ended);
    if (level.database.state !== 'open') break;
  }
  return null;
}

interface Ended {
  readonly writer: number;
  readonly number: number;
  readonly outcome: Outcome;
}

async function commitNext(level: Opened, writer: number): Promise<Ended> {
  const known = ledger.writers[writer];
  if (known === undefined) throw new Error(`there is no writer ${writer}`);
  const number = (known.begun += 1);
  let outcome: Outcome;
  try {
    const seq = await commit(level, commitOf(plan, writer, number), number);
    outcome = { is: 'acknowledged', seq };
  } catch (error) {
    const { code } = paminaError(error);
    outcome = code === 'COMMIT_UNKNOWN' ? { is: 'unknown' } : { is: 'rejected', code };
  }
  known.outcomes.push([number, outcome]);
  return { writer, number, outcome };
}

/** P7: after an unknown outcome the database has failed; a failed one says so and is still read. */
async function judgeRound(level: Opened, ended: readonly Ended[]): Promise<void> {
  const { database } = level;
  for (const { outcome } of ended) {
    if (outcome.is === 'rejected') noteFailure(`commit ${outcome.code}`);
    if (outcome.is === 'unknown') noteFailure('commit COMMIT_UNKNOWN');
  }
  const isUnknown = ended.some(({ outcome }) => outcome.is === 'unknown');
  if (isUnknown && database.state !== 'failed') {
    faults.push(`a commit ended as COMMIT_UNKNOWN and the database is ${database.state}`);
  }
  if (database.state === 'failed') {
    const code = await codeOf(level.put('after', Buffer.from('the failure')));
    if (code !== 'DATABASE_FAILED') faults.push(`a failed database answers a put with ${code}`);
  }
  try {
    await readAcknowledged(level, ended);
  } catch (error) {
    const { code } = paminaError(error);
    noteFailure(`read ${code}`);
    // Where LevelDB cannot be opened again there is nothing to read from.
    if (database.state !== 'failed') faults.push(`an open database answers a get with ${code}`);
  }
}

/** What was acknowledged last of each writer is what is read. */
async function readAcknowledged(level: Opened, ended: readonly Ended[]): Promise<void> {
  const last = new Map(ended.map((one) => [one.writer, one]));
  for (const { writer, number, outcome } of last.values()) {
    if (outcome.is !== 'acknowledged') continue;
    for (const change of commitOf(plan, writer, number)) {
      const value = await getAgain(level, change.key);
      const isRight =
        change.type === 'put'
          ? value !== undefined && change.value.equals(value)
          : value === undefined;
      if (!isRight) faults.push(`commit ${number} of writer ${writer} is not what is read`);
    }
  }
}

/** Again while the store is being opened again, as the error says. */
async function getAgain(level: Opened, key: string): Promise<Uint8Array | undefined> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    try {
      return await level.get(key);
    } catch (error) {
      const { code } = paminaError(error);
      const isPassing = code === 'STORE_REOPENED' && level.database.state === 'open';
      if (!isPassing || performance.now() > deadline) throw error;
      noteFailure('read STORE_REOPENED, tried again');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

/** Null if it failed with an error of the table; any other error ends the process, which is a fault. */
async function attempt<T>(step: string, action: () => Promise<T>): Promise<T | null> {
  try {
    return await action();
  } catch (error) {
    noteFailure(`${step} ${paminaError(error).code}`);
    return null;
  }
}

function noteFailure(failure: string): void {
  if (failures.at(-1) !== failure) failures.push(failure);
}

async function codeOf(task: Promise<unknown>): Promise<string> {
  try {
    await task;
    return 'success';
  } catch (error) {
    if (isPaminaError(error)) return error.code;
    throw error;
  }
}

async function withinPatience<T>(task: Promise<T>): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), patienceMs);
  });
  try {
    return await Promise.race([task, late]);
  } finally {
    clearTimeout(timer);
  }
}
