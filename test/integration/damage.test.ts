// Bits that the disk turned: found, named, and never served as good.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { filesBelow, findText, flipBit } from '../support/damage.js';
import { createMaster } from '../support/following.js';
import { inScene } from '../support/scene.js';
import { ServedFolder } from '../support/served-folder.js';
import { expectAllAcknowledged, Writers } from '../support/writers.js';

const damaged = 6;

it(
  'P6 P9 a bit flipped in the middle of the log stops the open with file and offset, and changes nothing',
  inScene(async (scene) => {
    const served = await ServedFolder.started(scene, 'data');
    await createMaster(served, 'cities');
    const writers = new Writers(scene, served, { database: 'cities', count: 100 });
    await writers.ended(30_000);
    await served.kill();
    const segments = await filesBelow(join(served.dataFolder, 'cities/log'), '.seg');
    const path = segments.at(-1) ?? '';
    const text = await findText([path], 'w0/000000050');
    const offset = text?.offset ?? 0;
    await flipBit(path, offset);
    const before = await readFile(path);

    const refused = await served.pamina('get', 'cities', 'w0/left');
    expect(refused.status).toBe(damaged);
    expect(refused.stderr).toMatch(/^LOG_DAMAGED: .+\. .+/);
    expect(refused.stderr).toContain(path.slice(path.lastIndexOf('/') + 1));
    const named = Number(/(?:offset|byte) (\d+)/.exec(refused.stderr)?.[1]);
    // The offset is that of the record that holds the bit.
    expect(named).toBeGreaterThan(0);
    expect(offset - named).toBeGreaterThanOrEqual(0);
    expect(offset - named).toBeLessThan(2000);

    await served.start();
    const status = await served.administration.status('cities');
    expect(status).toMatchObject({ state: 'failed', online: false });
    expect(status.reason).toContain('LOG_DAMAGED');
    await served.stop();
    expect(before.equals(await readFile(path))).toBe(true);

    await flipBit(path, offset);
    await served.start();
    await expectAllAcknowledged(served.administration, 'cities', writers.journal);
  }),
);

it(
  'P9 a bit flipped in the files of LevelDB, which LevelDB itself does not notice, is found by the hash of the backup and by --verify',
  inScene(async (scene) => {
    const served = await ServedFolder.started(scene, 'data');
    await createMaster(served, 'cities');
    await served.administration.importEntries('cities', incompressible());
    await served.administration.backup('cities', { tag: 'good' });
    expect(await served.json('hash', 'cities')).toMatchObject({ verified: true });
    // Opened again, LevelDB moves what was in its log to a table.
    await served.restart();
    await served.stop();

    const store = join(served.dataFolder, 'cities/store');
    const good = valueOf(500);
    const place = await findText(await filesBelow(store, '.ldb'), good.slice(0, 32));
    if (place === null) throw new Error('the value is in no table');
    await flipBit(place.path, place.offset + 16);

    await served.start();
    const value = await served.administration.get('cities', 'key-500');
    expect(value).not.toBe(good);
    expect(value.slice(32)).toBe(good.slice(32));
    const found = await served.pamina('hash', 'cities');
    expect(found.status).toBe(damaged);
    expect(found.stderr).toMatch(/^STATE_HASH_MISMATCH: .+\. .+/);

    // Later commits hide nothing: the backup is recovered to the present position and compared.
    await served.administration.put('cities', 'later', 'x');
    const verified = await served.pamina('hash', 'cities', '--verify');
    expect(verified.status).toBe(damaged);
    expect(verified.stderr).toMatch(/^STATE_HASH_MISMATCH: .+\. .+/);
  }),
);

const values = 1000;

/** Random text, the same in every run: LevelDB cannot compress it, so it stands in its files as it is. */
function valueOf(number: number): string {
  const parts = Array.from({ length: 20 }, (_, part) =>
    createHash('sha256').update(`${number} ${part}`).digest('base64'),
  );
  return parts.join('');
}

async function* incompressible(): AsyncGenerator<{ key: string; value: string }> {
  for (let number = 0; number < values; number += 1) {
    yield { key: `key-${number}`, value: valueOf(number) };
  }
}
