// A process of its own for the tests: opens a database and says how that went, or writes and says what
// was acknowledged until it is killed. One line a message on standard output.
import { nodeEnv } from '@pamina/env';
import { isPaminaError } from '@pamina/format';
import { writeSync } from 'node:fs';
import { Database } from '../../src/database.js';

const writers = 16;
const [command, folder] = process.argv.slice(2) as [string, string];

/** At once, so that a line that a killed process has written is never lost. */
function say(line: string): void {
  writeSync(1, `${line}\n`);
}

/** Keeps it open until the input ends. */
async function open(): Promise<void> {
  try {
    const database = await Database.open(folder, { env: nodeEnv() });
    say('open');
    for await (const _ of process.stdin);
    await database.close();
    say('closed');
  } catch (error) {
    if (!isPaminaError(error)) throw error;
    say(error.code);
  }
}

/** Every commit puts one value under two keys; its number is said when it is acknowledged. */
async function write(): Promise<void> {
  const database = await Database.open(folder, { env: nodeEnv(), segmentBytes: 65_536 });
  let next = database.durable().seq;
  const writer = async (): Promise<never> => {
    for (;;) {
      const id = `${database.session}.${next++}`;
      const value = `${id}:${'x'.repeat(next % 700)}`;
      await database.commit([
        { type: 'put', key: `left/${id}`, value },
        { type: 'put', key: `right/${id}`, value },
        { type: 'put', key: 'last', value },
      ]);
      say(id);
    }
  };
  await Promise.all(Array.from({ length: writers }, writer));
}

await (command === 'open' ? open() : write());
