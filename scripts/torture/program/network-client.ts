// The clients of the torture `network`, many connections in one process: each writes and reads its own keys and knows
// what it must find. Some more never read what they ask for. What was begun and what was acknowledged stands in a
// journal, so that the next process knows it when this one was killed.
// Argument: its configuration as JSON. Says lines of JSON; ends with its stdin.
import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs';
import { FileDirectory } from '@pamina/directory';
import { nodeEnv } from '@pamina/env';
import { toPaminaError } from '@pamina/format';
import { Dice } from './dice.js';
import { NetworkClient } from './network-one.js';
import { neverRead } from './network-silent.js';
import { lineOf, type NetworkConfiguration, type NetworkSaid } from './network-words.js';
import { type Known, readJournal } from './network-work.js';

const configuration = JSON.parse(process.argv[2] ?? '{}') as NetworkConfiguration;
const { clients, database, directory: path, first, journal, seed, token } = configuration;
const sayEveryMs = 1000;

const env = nodeEnv();
const directory = new FileDirectory({ env, path });
const ending = new AbortController();
process.stdin.on('end', () => ending.abort());
process.stdin.resume();

const done: Record<string, number> = {};
const refusals: Record<string, number> = {};
let latencies: number[] = [];
const count = (counts: Record<string, number>, name: string): void => {
  counts[name] = (counts[name] ?? 0) + 1;
};

const last = existsSync(journal)
  ? readJournal(readFileSync(journal, 'utf8'))
  : new Map<number, Known>();
const file = openSync(journal, 'a');
const all = Array.from({ length: clients }, (_, at) => {
  const number = first + at;
  const dice = new Dice(seed, number, process.pid);
  return new NetworkClient({
    ...{ number, database, directory, env, token, dice },
    ...{ pauseMsMax: configuration.pauseMsMax, isSpoiled: configuration.isSpoiled === true },
    known: last.get(number) ?? { begun: 0, acknowledged: 0 },
    ending: ending.signal,
    note: (word, write) => void writeSync(file, `${word} ${number} ${write}\n`),
    done: (what, ms) => {
      count(done, what);
      latencies.push(ms);
    },
    refused: (code) => count(refusals, code),
    fault: (what) => say({ fault: { where: `client ${number}`, what } }),
  });
});

const saying = setInterval(() => say(figures()), sayEveryMs);
const hushed = Array.from({ length: configuration.silent }, (_, at) => {
  const asked = at % 2 === 0 ? database : configuration.replica;
  return neverRead({ env, directory, database: asked, token, signal: ending.signal });
});
await Promise.all([...all.map(guarded), ...hushed]);
clearInterval(saying);
say(figures());
await directory.close();
closeSync(file);
process.exit(0);

async function guarded(client: NetworkClient): Promise<void> {
  try {
    await client.run();
  } catch (error) {
    const { code, message } = toPaminaError(error);
    say({ fault: { where: 'a client', what: `${code}: ${message}` } });
  }
}

function figures(): NetworkSaid {
  const said = { done: { ...done }, refusals: { ...refusals }, latencies };
  latencies = [];
  return { figures: said };
}

function say(said: NetworkSaid): void {
  process.stdout.write(lineOf(said));
}
