// The demo's third process: adds visits to the database over the network, several at a time, and
// journals each one that was acknowledged. Ends when its stdin does or when its master is gone.
// Arguments: ADDRESS DATABASE JOURNAL
import { closeSync, openSync, writeSync } from 'node:fs';
import { administer, isPaminaError } from 'pamina';

const [address = '', database = '', journalPath = ''] = process.argv.slice(2);
const writers = 4;

const ending = new AbortController();
process.stdin.on('end', () => ending.abort());
process.stdin.resume();

const administration = administer(address);
const journal = openSync(journalPath, 'a');
let last = 0;
try {
  await Promise.all(Array.from({ length: writers }, write));
} catch (error) {
  // The master was killed; the journal says what it had acknowledged.
  if (!isPaminaError(error) || !(error.retryable || error.code === 'ABORTED')) throw error;
}
closeSync(journal);
process.exit(0);

async function write() {
  while (!ending.signal.aborted) {
    last += 1;
    const key = `visit-${String(last).padStart(8, '0')}`;
    const value = JSON.stringify({ visit: last, at: new Date().toISOString() });
    const { position } = await administration.put(database, key, value);
    writeSync(journal, `${JSON.stringify({ key, value, position })}\n`);
  }
}
