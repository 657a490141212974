// P1 and P2 with real processes and SIGKILL: a few rounds here, many in the integration tests.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createDatabase } from '../src/create-database.js';
import { nextLine, startChild } from './processes.js';
import { contents, env, openDatabase, temporaryFolder } from './workbench.js';

test('P1 P2 killed while it writes, it has every acknowledged commit, and each commit whole', async () => {
  const folder = join(await temporaryFolder(), 'orders');
  await createDatabase(folder, { env });
  const acknowledged: string[] = [];
  for (let round = 0; round < 4; round++) {
    const child = startChild('write', folder);
    const enough = acknowledged.length + 150 + round * 70;
    while (acknowledged.length < enough) acknowledged.push(await nextLine(child));
    child.process.kill('SIGKILL');
    // What it said before it died counts as well.
    for (let line = await nextLine(child); line !== ''; line = await nextLine(child)) {
      acknowledged.push(line);
    }
    const database = await openDatabase(folder);
    const entries = await contents(database);
    for (const id of acknowledged) expect(entries[`left/${id}`], id).toMatch(`${id}:`);
    for (const [key, value] of Object.entries(entries)) {
      const [side, id] = key.split('/');
      if (id !== undefined)
        expect(entries[`${side === 'left' ? 'right' : 'left'}/${id}`]).toBe(value);
    }
    await database.close();
  }
});
