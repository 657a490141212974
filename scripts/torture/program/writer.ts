// The process that is killed: opens a database, checks it against the ledger, and writes to it from
// many writers at once, each with some commits under way, until it is told to end or is killed. From
// stdin come one job (job.ts) and the words `read` and `end`; when stdin ends it is gone.
import { createDatabase } from '@pamina/engine';
import { hashState, recoverScratch } from '@pamina/backup';
import { nodeEnv } from '@pamina/env';
import { PaminaError } from '@pamina/format';
import { closeSync, openSync, writeSync } from 'node:fs';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { judgeBackups, judgeCopy, restoreCopy, takeOne } from './backups.js';
import { say, type CheckedReport, type Job } from './job.js';
import { journalLine, type JournalEntry, type Outcome } from './ledger.js';
import { checkedBy, commit, openPamina, paminaError, type Opened } from './opened.js';
import { envWith } from './plants.js';
import { readBack } from './read-back.js';
import { settle } from './settle.js';
import { commitOf, type Change } from './workload.js';

/** Writers differ in how many commits each has under way. */
const depths = 4;
/** After a rejection on a full disk, before the writer tries its next commit. */
const pauseMs = 5;
const patienceMs = 1500;

/** One lie is enough. */
let isPlanted = false;

const ending = new AbortController();
const lines = createInterface(process.stdin);
const words = lines[Symbol.asyncIterator]();

say('ready');
const first = await words.next();
if (first.done === true) process.exit(0);
const job = JSON.parse(first.value) as Job;
const env = envWith(job.plant);

if (job.task === 'create') {
  say('creating');
  await createDatabase(job.folder, { env, name: 'orders' });
  say('created');
  process.exit(0);
}

if (job.task === 'restore') {
  await restoreCopy(env, job.folder, job.target);
  process.exit(0);
}
if (job.task === 'compare') {
  const faults = await judgeCopy(env, job.folder, job.target);
  say('checked', { faults });
  process.exit(0);
}

say('opening');
const level = await openOrEnd();
const settled = await settle(job.plan, job.ledger, checkedBy(level));
const { log } = level.database;
const faults = [...settled.faults];
if (job.verifiesHash) faults.push(...(await verifyHash(level)));
const judged = await judgeBackups(env, job.folder, job.verifiesBackups);
faults.push(...judged.faults);
const report: CheckedReport = {
  ...settled,
  faults,
  segments: log.segments().length,
  firstSeq: log.firstSeq,
  backups: judged.ids,
};
say('checked', report);
if (job.task === 'write' && faults.length === 0) await writeAll();
else await closeLevel();
process.exit(0);

async function openOrEnd(): Promise<Opened> {
  try {
    return await openPamina(job.folder, { env, segmentBytes: job.segmentBytes });
  } catch (error) {
    const { code, message } = paminaError(error);
    say('refused', { code, message });
    process.exit(0);
  }
}

async function writeAll(): Promise<void> {
  const descriptor = openSync(job.journal, 'a');
  const note = (entry: JournalEntry): void => void writeSync(descriptor, journalLine(entry));
  say('writing');
  void listen();
  const wish = job.takesBackup;
  const backup = wish === null ? Promise.resolve() : takeOne(level, wish);
  const writers = job.ledger.writers.map(({ begun }, writer) => write(writer, begun, note));
  const all = Promise.all([backup, ...writers]);
  await Promise.race([all, patienceEnded()]);
  const { failure, state } = level.database;
  say('stopped', { state, why: failure === null ? null : failure.toString() });
  await closeLevel();
  await all;
  closeSync(descriptor);
}

/** What waits for space when the writers are told to end is closed over. */
async function patienceEnded(): Promise<void> {
  if (!ending.signal.aborted) await once(ending.signal, 'abort');
  await new Promise((resolve) => setTimeout(resolve, patienceMs));
}

async function closeLevel(): Promise<void> {
  say('closing');
  try {
    await level.close();
  } catch (error) {
    say('refused', { code: paminaError(error).code, message: String(error) });
  }
  say('closed');
}

async function listen(): Promise<void> {
  for (;;) {
    const word = await words.next();
    // Whoever started this process is gone.
    if (word.done === true) process.exit(1);
    if (word.value === 'read') say('read', await readBack(level, job.plan, job.journal));
    else ending.abort();
  }
}

async function write(
  writer: number,
  begun: number,
  note: (entry: JournalEntry) => void,
): Promise<void> {
  const underWay: Promise<boolean>[] = [];
  let goesOn = true;
  for (let number = begun + 1; goesOn && !ending.signal.aborted; number += 1) {
    note({ type: 'begun', writer, number });
    underWay.push(commitOne(writer, number, note));
    if (underWay.length > writer % depths) goesOn = (await underWay.shift()) === true;
  }
  await Promise.all(underWay);
}

/** False if nobody should go on. */
async function commitOne(
  writer: number,
  number: number,
  note: (entry: JournalEntry) => void,
): Promise<boolean> {
  const end = (outcome: Outcome): void => note({ type: 'ended', writer, number, outcome });
  const changes = commitOf(job.plan, writer, number);
  if (job.plant === 'early-acknowledgement') end({ is: 'acknowledged', seq: 0 });
  try {
    const seq = await commitAs(changes, number);
    end({ is: 'acknowledged', seq });
    return true;
  } catch (error) {
    const { code } = paminaError(error);
    if (job.plant === 'rejected-acknowledgement' && !isPlanted) {
      isPlanted = true;
      end({ is: 'acknowledged', seq: 0 });
    } else end(code === 'COMMIT_UNKNOWN' ? { is: 'unknown' } : { is: 'rejected', code });
    if (!job.goesOn || level.database.state !== 'open') return false;
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    return true;
  }
}

async function commitAs(changes: readonly Change[], number: number): Promise<number> {
  if (job.plant !== 'split-batches' || changes.length === 1) return commit(level, changes, number);
  const middle = Math.ceil(changes.length / 2);
  await commit(level, changes.slice(0, middle), number);
  return commit(level, changes.slice(middle), number);
}

/** What `pamina hash --verify` does: the store against a copy made of the oldest backup and the log. */
async function verifyHash({ database }: Opened): Promise<string[]> {
  const { point, snapshot } = await database.stateSnapshot();
  try {
    const { stateHash } = await hashState(snapshot);
    const position = { timeline: point.timeline, seq: point.seq };
    const options = { env: nodeEnv(), folder: database.folder, position, start: 'oldest' } as const;
    const recovered = await recoverScratch(options);
    if (recovered.stateHash === stateHash) return [];
    return [`the store is not what backup ${recovered.backup} and the log make of it`];
  } catch (error) {
    if (!(error instanceof PaminaError)) throw error;
    return [`backup and log cannot be recovered: ${error.toString()}`];
  } finally {
    await snapshot.close();
  }
}
