// Opens what a killed process left behind. Pamina replays its log by that; the raw LevelDB opens and is
// then given the same number of records, which is the same work without a log to read.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Level } from 'level';
import { Pamina } from 'pamina';
import { makeRecords, writeBatches } from './lib/batches.mjs';
import { answerCommands, configuration } from './lib/commands.mjs';

const { engine, folder, storeOptions, records, seed, segmentBytes } = configuration();

const result = engine === 'pamina' ? await recover() : await writeAgain();
await answerCommands({}, () => Promise.resolve(), result);

async function recover() {
  const startedAt = performance.now();
  const opened = new Pamina(folder, { segmentBytes });
  await opened.open();
  const seconds = (performance.now() - startedAt) / 1000;
  await opened.close();
  return { seconds, records: await replayed() };
}

/** The job log, which is whole once the database is closed, says how many records were replayed. */
async function replayed() {
  const lines = (await readFile(join(folder, 'job.log'), 'utf8')).trimEnd().split('\n');
  const events = lines.map((line) => JSON.parse(line));
  return events.findLast(({ event }) => event === 'replayed')?.fields.records ?? 0;
}

async function writeAgain() {
  const made = makeRecords(records, seed);
  const startedAt = performance.now();
  const encodings = { keyEncoding: 'buffer', valueEncoding: 'buffer' };
  const opened = new Level(folder, { ...storeOptions, ...encodings });
  await opened.open();
  await writeBatches(opened, made);
  const seconds = (performance.now() - startedAt) / 1000;
  await opened.close();
  return { seconds, records };
}
