// A second process for lock-file.test.ts: takes a lock as told on its command line, says so, and
// holds it until its input ends. `count` takes and releases it many times around a shared counter.

import * as fs from 'node:fs';
import { nodeDisk } from '../../src/node/disk.js';

const [verb, path, argument] = process.argv.slice(2) as [string, string, string];

if (verb === 'hold') {
  await nodeDisk.lockFile(path, { waitMs: Number(argument) });
  process.stdout.write('held\n');
  process.stdin.resume();
} else {
  for (let turn = 0; turn < Number(argument); turn += 1) {
    const release = await nodeDisk.lockFile(path, { waitMs: 60_000 });
    // Not atomic on purpose: two holders at once would lose a count.
    const counter = Number(fs.readFileSync(`${path}.counter`, 'utf8'));
    await nodeDisk.stat(path);
    fs.writeFileSync(`${path}.counter`, String(counter + 1));
    await release();
  }
}
