// Encryption: the contract, files that Debian's age opens by hand and writes, and damage of every kind.
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { encryptedArchive } from '../src/age/encrypted-archive.js';
import { readObject } from '../src/collect.js';
import { FolderArchive } from '../src/folder-archive.js';
import { archiveContract } from './archive-contract.js';
import { env, temporaryFolder } from './support.js';

const hasAge = await execa('age', ['--version'], { reject: false }).then(
  (end) => end.exitCode === 0,
);

async function workbench() {
  const identity = await generateX25519Identity();
  const folder = await temporaryFolder();
  const identityFile = join(await temporaryFolder(), 'key.txt');
  await writeFile(identityFile, `${identity}\n`);
  const recipients = [await identityToRecipient(identity)] as const;
  const stored = new FolderArchive(env, folder);
  const archive = await encryptedArchive(stored, env, { recipients, identityFile });
  return { archive, folder, identityFile, recipients, stored };
}

archiveContract('encrypted folder', async () => (await workbench()).archive);

describe('files of age', () => {
  const sizes = [0, 1, 65_535, 65_536, 65_537, 131_072, 200_000, 262_144, 262_145, 700_000];

  test.skipIf(!hasAge)(
    "age opens by hand what is in the archive (needs Debian's age)",
    async () => {
      const { archive, folder, identityFile } = await workbench();
      for (const size of sizes) {
        const bytes = randomBytes(size);
        await archive.putIfAbsent(`o/${size}`, bytes);
        const path = join(folder, `o/${size}`);
        const { stdout } = await execa('age', ['--decrypt', '-i', identityFile, path], {
          encoding: 'buffer',
          stripFinalNewline: false,
        });
        expect(Buffer.compare(stdout, bytes)).toBe(0);
      }
    },
  );

  test.skipIf(!hasAge)("what age wrote is read (needs Debian's age)", async () => {
    const { archive, folder, recipients } = await workbench();
    for (const size of sizes) {
      const bytes = randomBytes(size);
      const output = join(folder, `o${size}`);
      await execa('age', ['-r', recipients[0], '-o', output], { input: bytes });
      expect(Buffer.compare(await readObject(archive, `o${size}`, 1e6), bytes)).toBe(0);
    }
  });

  test('every size is read whole, through several recipients', async () => {
    const { archive, folder, recipients } = await workbench();
    const encrypter = new Encrypter();
    for (let i = 0; i < 20; i++) {
      encrypter.addRecipient(await identityToRecipient(await generateX25519Identity()));
    }
    encrypter.addRecipient(recipients[0]);
    for (const size of sizes) {
      const bytes = randomBytes(size);
      await writeFile(join(folder, `o${size}`), await encrypter.encrypt(bytes));
      expect(await archive.size(`o${size}`)).toBe(size);
      expect(Buffer.compare(await readObject(archive, `o${size}`, 1e6), bytes)).toBe(0);
    }
  });

  test('what may be replaced is read in one request, so that it is of one version, and is proved', async () => {
    const { archive, folder, identityFile, stored } = await workbench();
    await archive.replace('x/announced', Buffer.from('first'));
    await archive.replace('x/announced', Buffer.from('second'));
    const asked: string[] = [];
    const seen = new Proxy(stored, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== 'function') return value;
        return (...given: unknown[]): unknown => {
          asked.push(String(name));
          return Reflect.apply(value, target, given);
        };
      },
    });
    const reader = await encryptedArchive(seen, env, { recipients: [], identityFile });
    expect(Buffer.from(await readObject(reader, 'x/announced', 100)).toString()).toBe('second');
    expect(asked).toEqual(['getRange']);
    const path = join(folder, 'x/announced');
    const whole = await readFile(path);
    for (const at of [0, 30, 100, 180, 220, whole.length - 1]) {
      const bad = Buffer.from(whole);
      bad[at] = (bad[at] ?? 0) ^ 1;
      for (const bytes of [bad, whole.subarray(0, at)]) {
        await writeFile(path, bytes);
        await expect(readObject(reader, 'x/announced', 100)).rejects.toMatchObject({
          code: expect.stringMatching(/^ARCHIVE_(DAMAGED|KEY_INVALID)$/),
        });
      }
    }
  });

  test('the storage sees nothing of the content', async () => {
    const { archive, folder } = await workbench();
    await archive.putIfAbsent('object', Buffer.from('a secret that is long enough to be found'));
    expect((await readFile(join(folder, 'object'))).includes('secret')).toBe(false);
  });

  test('P9 no flipped byte and no cut is ever read as content', async () => {
    const { archive, folder } = await workbench();
    const content = randomBytes(140_000);
    await archive.putIfAbsent('object', content);
    const whole = await readFile(join(folder, 'object'));
    const places = [0, 30, 100, 180, 220, 300, 65_900, 131_500, whole.length - 1];
    for (const [index, at] of places.entries()) {
      const copy = Buffer.from(whole);
      copy[at] = (copy[at] ?? 0) ^ 1;
      await writeFile(join(folder, `flip${index}`), copy);
      await expect(readObject(archive, `flip${index}`, 1e6)).rejects.toMatchObject({
        code: expect.stringMatching(/^ARCHIVE_(DAMAGED|KEY_INVALID)$/),
      });
    }
    const start = whole.length - (content.length + 3 * 16);
    for (const length of [0, 10, 100, start, start + 16, start + 65_552, start + 2 * 65_552]) {
      await writeFile(join(folder, `cut${length}`), whole.subarray(0, length));
      await expect(readObject(archive, `cut${length}`, 1e6)).rejects.toMatchObject({
        code: 'ARCHIVE_DAMAGED',
      });
    }
    // Two chunks exchanged: each is whole, at the wrong place.
    const [one, two] = [start, start + 65_552];
    const swapped = Buffer.concat([
      whole.subarray(0, one),
      whole.subarray(two, two + 65_552),
      whole.subarray(one, two),
      whole.subarray(two + 65_552),
    ]);
    await writeFile(join(folder, 'swapped'), swapped);
    await expect(readObject(archive, 'swapped', 1e6)).rejects.toMatchObject({
      code: 'ARCHIVE_DAMAGED',
    });
  });

  test('P9 an object says for whom it was encrypted, and so does the refusal of another identity', async () => {
    const old = await workbench();
    const other = await workbench();
    const bytes = randomBytes(10);
    await old.archive.putIfAbsent('object', bytes);
    const both = [...old.recipients, ...other.recipients];
    const open = (recipients: readonly string[]) =>
      encryptedArchive(old.stored, env, { recipients, identityFile: other.identityFile });
    await (await open(both.toReversed())).putIfAbsent('later', bytes);
    for (const [recipients, name, isFor] of [
      [old.recipients, 'object', true],
      [other.recipients, 'object', false],
      [both, 'object', false],
      [both, 'later', true],
      [[], 'later', false],
      [both, 'none', false],
    ] as const) {
      expect(await (await open(recipients)).isForRecipients(name)).toBe(isFor);
    }
    const reader = await open([]);
    expect(Buffer.compare(await readObject(reader, 'later', 100), bytes)).toBe(0);
    const shown = old.recipients[0].slice(0, 16);
    await expect(readObject(reader, 'object', 100)).rejects.toMatchObject({
      code: 'ARCHIVE_KEY_INVALID',
      message: expect.stringContaining(shown),
      hint: expect.stringContaining(shown),
      context: { recipients: [shown] },
    });
    expect((await readFile(join(old.folder, 'object'))).includes(old.recipients[0])).toBe(false);
  });

  test('P15 an object without a word of its recipients, as earlier versions wrote it, is of none that are known', async () => {
    const { archive, folder, recipients } = await workbench();
    const encrypter = new Encrypter();
    encrypter.addRecipient(recipients[0]);
    await writeFile(join(folder, 'object'), await encrypter.encrypt(randomBytes(10)));
    expect(await archive.isForRecipients('object')).toBe(false);
    expect(await archive.size('object')).toBe(10);
  });

  test('without an identity an archive is written, and neither read nor compared', async () => {
    const { recipients, stored } = await workbench();
    const writer = await encryptedArchive(stored, env, { recipients });
    const bytes = randomBytes(10);
    expect(await writer.putIfAbsent('object', bytes)).toBe('written');
    await expect(writer.putIfAbsent('object', bytes)).rejects.toMatchObject({
      code: 'ARCHIVE_CONFLICT',
    });
    await expect(readObject(writer, 'object', 100)).rejects.toMatchObject({
      code: 'ARCHIVE_KEY_INVALID',
    });
    expect(await writer.size('object')).toBe(10);
  });
});
