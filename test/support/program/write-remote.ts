// Writes to a served database from several writers at once until stdin ends, or each writer has
// COUNT commits. A server that is killed is waited for; what was not acknowledged is tried again.
// Arguments: ADDRESS DATABASE JOURNAL WRITERS VALUE_BYTES [COUNT]; environment: WRITER_TOKEN
import { RemoteAdministration } from '@pamina/client';
import { nodeEnv } from '@pamina/env';
import { isPaminaError } from '@pamina/format';
import { Journal, lastNumbers, readJournal } from './journal.js';
import { commitOf } from './writer-rules.js';

const [address = '', database = '', journalPath = '', writers = '4', valueBytes = '200', count] =
  process.argv.slice(2);

/** What a server says that is on its way down or up. */
const passing = new Set(['ABORTED', 'DATABASE_CLOSED', 'DATABASE_NOT_FOUND', 'DATABASE_OFFLINE']);
/** Long enough to leave the processor to a server that comes up. */
const pauseMs = 100;

const ending = new AbortController();
process.stdin.on('end', () => ending.abort());
process.stdin.resume();

const env = nodeEnv();
const token = process.env['WRITER_TOKEN'];
const administration = new RemoteAdministration({ env, address, token });
const last = lastNumbers(readJournal(journalPath));
const journal = new Journal(journalPath);
await Promise.all(Array.from({ length: Number(writers) }, (_, index) => write(`w${index}`)));
journal.close();
await administration.close();
process.exit(0);

async function write(writer: string): Promise<void> {
  const end = count === undefined ? Infinity : Number(count);
  for (let number = (last.get(writer) ?? 0) + 1; number <= end; number += 1) {
    const position = await commit(writer, number);
    if (position === null) return;
    journal.append({ writer, number, position });
  }
}

/** Null when the program is to end before it was acknowledged. */
async function commit(writer: string, number: number): Promise<string | null> {
  const operations = commitOf(writer, number, Number(valueBytes));
  while (!ending.signal.aborted) {
    try {
      return (await administration.batch(database, operations)).position;
    } catch (error) {
      if (!isPaminaError(error) || !(error.retryable || passing.has(error.code))) throw error;
    }
    await env.clock.sleep(pauseMs);
  }
  return null;
}
