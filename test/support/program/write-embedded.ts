// Opens a database in this process, checks it against the journal, and writes to it from several
// writers at once until stdin ends or somebody kills it.
// Arguments: FOLDER JOURNAL WRITERS VALUE_BYTES [SEGMENT_BYTES]
import { Pamina } from '@pamina/engine';
import { formatPosition } from '@pamina/format';
import { Journal, lastNumbers, readJournal } from './journal.js';
import { checkAgainstJournal, commitOf } from './writer-rules.js';

const [folder = '', journalPath = '', writers = '4', valueBytes = '200', segmentBytes] =
  process.argv.slice(2);

let isEnding = false;
process.stdin.on('end', () => {
  isEnding = true;
});
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
  for (let number = (last.get(writer) ?? 0) + 1; !isEnding; number += 1) {
    const operations = commitOf(writer, number, Number(valueBytes)).map(({ key, value }) => ({
      type: 'put' as const,
      key: Buffer.from(key),
      value: Buffer.from(value),
    }));
    const position = await database.database.commit(operations);
    journal.append({ writer, number, position: formatPosition(position) });
  }
}
