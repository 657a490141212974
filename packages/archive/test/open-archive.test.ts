// Opening: addresses, credentials, the marker, encryption that is never silently off.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { describe, expect, test } from 'vitest';
import { formatArchiveAddress, parseArchiveAddress } from '../src/address.js';
import { readObject } from '../src/collect.js';
import { readS3Credentials } from '../src/credentials.js';
import { openArchive, type OpenArchiveOptions } from '../src/open-archive.js';
import { env, temporaryFolder } from './support.js';

const plain: Omit<OpenArchiveOptions, 'address'> = {
  env,
  environment: {},
  encryption: null,
  create: true,
};
const bytes = new TextEncoder().encode('content');

async function keys(): Promise<{ recipients: string[]; identityFile: string }> {
  const identity = await generateX25519Identity();
  const identityFile = join(await temporaryFolder(), 'key.txt');
  await writeFile(identityFile, `# created: now\n${identity}\n`);
  return { recipients: [await identityToRecipient(identity)], identityFile };
}

describe('addresses', () => {
  test('of folders and of object storage', () => {
    expect(parseArchiveAddress('/srv/archive')).toEqual({ kind: 'folder', path: '/srv/archive' });
    expect(parseArchiveAddress('file:///srv/my%20archive')).toEqual({
      kind: 'folder',
      path: '/srv/my archive',
    });
    const address = parseArchiveAddress('s3://bucket/a/b?endpoint=https://host:9000&region=eu-1');
    expect(address).toEqual({
      kind: 's3',
      bucket: 'bucket',
      prefix: 'a/b/',
      endpoint: 'https://host:9000',
      region: 'eu-1',
    });
    expect(parseArchiveAddress(formatArchiveAddress(address))).toEqual(address);
    expect(parseArchiveAddress('s3://bucket')).toMatchObject({ prefix: '', endpoint: null });
  });

  test('P14 one with a credential, or that means anything else, is refused and not repeated', () => {
    for (const address of [
      's3://key:secretsecret@bucket/x',
      's3://bucket/?endpoint=https://user:secretsecret@host',
      's3://bucket/?secret=secretsecret',
      's3://bucket/#secretsecret',
      's3://Bu_cket/secretsecret',
      's3://bucket/?endpoint=ftp://secretsecret',
      's3://bucket/?region=SECRETSECRET',
      'file://secretsecret/x',
      'http://secretsecret/',
      'relative/secretsecret',
      '/a\0secretsecret',
      'file:///secretsecret/%',
      'file:///secretsecret/%ff',
      'file:///secretsecret%2Fa',
      'file:///secretsecret%00',
      '',
    ]) {
      let message = '';
      try {
        parseArchiveAddress(address);
      } catch (error) {
        expect(error).toMatchObject({ code: 'ARCHIVE_ADDRESS_INVALID' });
        message = `${String(error)}${JSON.stringify(error)}`;
      }
      expect(message).not.toBe('');
      expect(message.toLowerCase()).not.toContain('secretsecret');
    }
  });
});

describe('credentials', () => {
  const environment = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret' };

  test('come from the environment, or from a profile of a file, which goes first', async () => {
    expect(await readS3Credentials(env.disk, { environment })).toEqual({
      accessKeyId: 'id',
      secretAccessKey: 'secret',
      sessionToken: undefined,
    });
    const file = join(await temporaryFolder(), 'credentials');
    await writeFile(
      file,
      '[default]\naws_access_key_id = one\naws_secret_access_key=first\n\n[other]\naws_access_key_id=two\naws_secret_access_key=second\naws_session_token=token\n',
    );
    expect(await readS3Credentials(env.disk, { environment, file })).toMatchObject({
      accessKeyId: 'one',
    });
    const other = { AWS_SHARED_CREDENTIALS_FILE: file, AWS_PROFILE: 'other' };
    expect(await readS3Credentials(env.disk, { environment: other })).toEqual({
      accessKeyId: 'two',
      secretAccessKey: 'second',
      sessionToken: 'token',
    });
  });

  test('that are missing are an error that says where it was looked', async () => {
    const call = openArchive({ ...plain, address: 's3://bucket/' });
    await expect(call).rejects.toMatchObject({ code: 'ARCHIVE_CREDENTIALS_MISSING' });
    const file = join(await temporaryFolder(), 'nothing');
    const places = { environment, file };
    await expect(readS3Credentials(env.disk, places)).rejects.toThrow(file);
  });
});

describe('the marker', () => {
  test('makes a place an archive, once', async () => {
    const address = join(await temporaryFolder(), 'archive');
    await expect(openArchive({ ...plain, address, create: false })).rejects.toMatchObject({
      code: 'ARCHIVE_NOT_FOUND',
    });
    await openArchive({ ...plain, address });
    const archive = await openArchive({ ...plain, address, create: false });
    expect(await archive.putIfAbsent('object', bytes)).toBe('written');
  });

  test('P9 encryption is never silently off, nor on', async () => {
    const encryption = await keys();
    const folder = await temporaryFolder();
    const [open, closed] = [join(folder, 'open'), join(folder, 'closed')];
    await openArchive({ ...plain, address: open });
    await openArchive({ ...plain, address: closed, encryption });
    for (const create of [true, false]) {
      await expect(openArchive({ ...plain, address: closed, create })).rejects.toMatchObject({
        code: 'ARCHIVE_ENCRYPTION',
      });
      await expect(
        openArchive({ ...plain, address: open, encryption, create }),
      ).rejects.toMatchObject({ code: 'ARCHIVE_ENCRYPTION' });
    }
  });

  test('P9 a marker that was lost does not turn encryption off', async () => {
    const address = join(await temporaryFolder(), 'archive');
    const archive = await openArchive({ ...plain, address, encryption: await keys() });
    await archive.putIfAbsent('object', bytes);
    await archive.delete('pamina-archive');
    await expect(openArchive({ ...plain, address })).rejects.toMatchObject({
      code: 'ARCHIVE_CONFLICT',
    });
  });

  test('P15 one of a later version is refused', async () => {
    const address = await temporaryFolder();
    for (const text of [
      '{"pamina":"archive","formatVersion":2,"encryption":"none"}',
      'x',
      '[]',
      '',
    ]) {
      await writeFile(join(address, 'pamina-archive'), text);
      await expect(openArchive({ ...plain, address })).rejects.toMatchObject({
        code: 'FORMAT_UNKNOWN',
      });
    }
  });

  test('keys that are not valid leave nothing behind, and are not repeated', async () => {
    const address = join(await temporaryFolder(), 'archive');
    const good = await keys();
    const identity = await generateX25519Identity();
    const file = join(await temporaryFolder(), 'bad.txt');
    await mkdir(join(file, '..'), { recursive: true });
    await writeFile(file, `${identity}x\n`);
    for (const encryption of [
      { recipients: [] },
      { recipients: [identity] },
      { recipients: ['age1nonsense'] },
      { ...good, identityFile: join(address, 'nothing') },
      { ...good, identityFile: file },
    ]) {
      const call = openArchive({ ...plain, address, encryption });
      await expect(call).rejects.toMatchObject({ code: 'ARCHIVE_KEY_INVALID' });
      await call.catch((error: unknown) => {
        expect(`${String(error)}${JSON.stringify(error)}`).not.toContain(identity.slice(0, 30));
      });
    }
    expect(await env.disk.stat(address)).toBeNull();
  });

  test('an identity that belongs to nobody who may read says so', async () => {
    const address = join(await temporaryFolder(), 'archive');
    const first = await openArchive({ ...plain, address, encryption: await keys() });
    await first.putIfAbsent('object', bytes);
    const other = await openArchive({ ...plain, address, encryption: await keys() });
    await expect(readObject(other, 'object', 100)).rejects.toMatchObject({
      code: 'ARCHIVE_KEY_INVALID',
    });
  });
});
