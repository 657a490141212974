// What a backup costs those who write meanwhile: the latency of durable commits by 16 writers, without
// a backup and while full and incremental backups are taken. `npx tsx scripts/bench/backup-latency.ts`.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { expireBackups, takeBackup } from '@pamina/backup';
import { Database, createDatabase } from '@pamina/engine';
import { backupForms, type BackupForm } from '@pamina/format';
import { nodeEnv } from '@pamina/env';
import { build } from 'hdr-histogram-js';

const usage = `npx tsx scripts/bench/backup-latency.ts [--seconds S] [--mebibytes M] [--writers W] [--rounds R] [--form FORM] [--folder DIR]

  --seconds S     of each half of a round (3)
  --mebibytes M   of 1 KiB documents in the database (128)
  --writers W     each with one commit of 1 KiB under way (16)
  --rounds R      without and with a backup, one after the other (3)
  --form FORM     logical or physical (logical)
  --folder DIR    where the database is (the system's temporary folder)`;

const valueBytes = 1024;
const env = nodeEnv();

interface Plan {
  readonly seconds: number;
  readonly mebibytes: number;
  readonly writers: number;
  readonly rounds: number;
  readonly form: BackupForm;
  readonly folder: string;
}

function plan(): Plan | null {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '3' },
      mebibytes: { type: 'string', default: '128' },
      writers: { type: 'string', default: '16' },
      rounds: { type: 'string', default: '3' },
      form: { type: 'string', default: 'logical' },
      folder: { type: 'string', default: tmpdir() },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return null;
  const { seconds, mebibytes, writers, rounds } = values;
  const numbers = [seconds, mebibytes, writers, rounds].map(Number);
  const form = backupForms.find((one) => one === values.form);
  if (form === undefined || numbers.some((number) => !(number > 0))) throw new TypeError(usage);
  const [s = 0, m = 0, w = 0, r = 0] = numbers;
  return { seconds: s, mebibytes: m, writers: w, rounds: r, form, folder: values.folder };
}

/** Half of a value is random, as compressible as a document. */
function value(): Buffer {
  const bytes = Buffer.alloc(valueBytes, 'a document of some words. ');
  bytes.set(env.random.bytes(valueBytes / 2), valueBytes / 2);
  return bytes;
}

async function fill(database: Database, mebibytes: number): Promise<void> {
  const count = (mebibytes * 1024 * 1024) / valueBytes;
  const batch = 500;
  for (let at = 0; at < count; at += batch) {
    const operations = Array.from({ length: Math.min(batch, count - at) }, (_, index) => {
      const key = String(at + index).padStart(12, '0');
      return { type: 'put', key, value: value() } as const;
    });
    await database.commit(operations);
  }
}

const newHistogram = () =>
  build({ highestTrackableValue: 60_000_000, numberOfSignificantValueDigits: 3 });
type Latencies = ReturnType<typeof newHistogram>;

/** Each writer has one commit under way until told to stop. Latencies in microseconds. */
function startWriters(database: Database, writers: number, into: () => Latencies) {
  const stopping = new AbortController();
  const documents = Array.from({ length: 64 }, value);
  const one = async (writer: number): Promise<void> => {
    for (let count = 0; !stopping.signal.aborted; count += 1) {
      const from = performance.now();
      await database.put(`w${writer}-${count % 5000}`, documents.at(count % 64)!);
      into().recordValue(Math.max(1, Math.round((performance.now() - from) * 1000)));
    }
  };
  const done = Promise.all(Array.from({ length: writers }, (_, writer) => one(writer)));
  return async (): Promise<void> => {
    stopping.abort();
    await done;
  };
}

interface Half {
  readonly latencies: Latencies;
  readonly seconds: number;
}

async function main(): Promise<void> {
  const planned = plan();
  if (planned === null) return console.log(usage);
  const folder = mkdtempSync(join(planned.folder, 'pamina-backup-latency-'));
  try {
    await createDatabase(join(folder, 'orders'), { env, name: 'orders' });
    const database = await Database.open(join(folder, 'orders'), { env });
    try {
      await fill(database, planned.mebibytes);
      await measure(database, planned);
    } finally {
      await database.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(database: Database, planned: Plan): Promise<void> {
  const quiet = newHistogram();
  const busy = newHistogram();
  const seconds = { quiet: 0, busy: 0 };
  let backups = 0;
  let bytes = 0;
  let last = 0;
  let into = newHistogram();
  const stop = startWriters(database, planned.writers, () => into);
  await until(1, () => env.clock.sleep(50));
  for (let round = 0; round < planned.rounds; round += 1) {
    into = quiet;
    seconds.quiet += await until(planned.seconds, () => env.clock.sleep(50));
    into = busy;
    seconds.busy += await until(planned.seconds, async () => {
      await takeBackup(database, {
        form: planned.form,
        onProgress: ({ done }) => (last = done),
      });
      backups += 1;
      bytes += last;
    });
    into = newHistogram();
    await expireBackups(database, { generations: 1 });
  }
  await stop();
  print('without a backup', { latencies: quiet, seconds: seconds.quiet });
  print('during backups', { latencies: busy, seconds: seconds.busy });
  const ratio = busy.getValueAtPercentile(99) / quiet.getValueAtPercentile(99);
  const rate = bytes / 1024 / 1024 / seconds.busy;
  console.log(`p99 during a backup / without: ${ratio.toFixed(2)}`);
  console.log(`${backups} backups, ${rate.toFixed(0)} MiB/s`);
}

/** Repeats until so many seconds are over; how many it were. */
async function until(seconds: number, task: () => Promise<void>): Promise<number> {
  const from = performance.now();
  const passed = (): number => (performance.now() - from) / 1000;
  while (passed() < seconds) await task();
  return passed();
}

function print(what: string, { latencies, seconds }: Half): void {
  const ms = (percentile: number): string =>
    (latencies.getValueAtPercentile(percentile) / 1000).toFixed(2);
  const rate = Math.round(latencies.totalCount / seconds);
  const line = `p50 ${ms(50)} ms, p99 ${ms(99)} ms, p99.9 ${ms(99.9)} ms, max ${ms(100)} ms`;
  console.log(`${what.padEnd(18)} ${String(rate).padStart(7)} commits/s, ${line}`);
}

await main();
