// Opens a database in this process, checks it against the journal, and writes to it from several
// writers at once until stdin ends, somebody kills it, or each writer has COUNT commits.
// Arguments: FOLDER JOURNAL WRITERS VALUE_BYTES [SEGMENT_BYTES [COUNT]]
import { Pamina } from '@pamina/engine';
import { formatPosition } from '@pamina/format';
import { Journal, lastNumbers, readJournal } from './journal.js';
import { checkAgainstJournal, commitOf } from './writer-rules.js';

const [folder = '', journalPath = '', writers = '4', valueBytes = '200', segmentBytes, count] =
  process.argv.slice(2);

const ending = new AbortController();
process.stdin.on('end', () => ending.abort());
process.stdin.resume();

console.log('opening');
const acknowledged = readJournal(journalPath);
const database = new Pamina(
  folder,
  segmentBytes === undefined ? {} : { segmentBytes: Number(segmentBytes) },
);
await database.open();
console.log('open');
const check = checkAgainstJournal(await database.iterator().all(), acknowledged);
console.log(JSON.stringify(check));
if (check.faults.length > 0) process.exit(1);

const journal = new Journal(journalPath);
const last = lastNumbers(acknowledged);
await Promise.all(Array.from({ length: Number(writers) }, (_, index) => write(`w${index}`)));
await database.close();
journal.close();
process.exit(0);

async function write(writer: string): Promise<void> {
  const end = count === undefined ? Infinity : Number(count);
  for (let number = (last.get(writer) ?? 0) + 1; number <= end; number += 1) {
    if (ending.signal.aborted) return;
    const operations = commitOf(writer, number, Number(valueBytes)).map(({ key, value }) => ({
      type: 'put' as const,
      key: Buffer.from(key),
      value: Buffer.from(value),
    }));
    const position = await database.database.commit(operations);
    journal.append({ writer, number, position: formatPosition(position) });
  }
}
