// Archives of databases that a server has, and of those that nobody serves.
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { collect, env, eventually, Workbench } from './workbench.js';

let bench: Workbench;
let address: string;

beforeEach(async () => {
  bench = await Workbench.open();
  address = join(bench.folder, 'archive');
});
afterEach(() => bench.close());

async function names(): Promise<string[]> {
  const found: string[] = [];
  const look = async (folder: string, prefix: string): Promise<void> => {
    for (const entry of await env.disk.list(folder)) {
      if (entry.isFolder) await look(join(folder, entry.name), `${prefix}${entry.name}/`);
      else found.push(`${prefix}${entry.name}`);
    }
  };
  await look(address, '');
  return found;
}

describe('a database that is served', () => {
  it('is archived as long as it is online, with its backups, and goes on after a restart', async () => {
    const server = await bench.server();
    await server.host.create('orders');
    expect(await server.host.addArchive('orders', 'main', { address })).toMatchObject({
      name: 'main',
      address,
      encrypted: false,
    });
    await server.host.put('orders', 'a', '1');
    const { id } = await server.host.backup('orders');
    await server.host.runArchive('orders', undefined);
    expect((await names()).some((name) => name.endsWith(`/backups/${id}/manifest`))).toBe(true);
    expect((await names()).some((name) => name.endsWith('.seg'))).toBe(true);
    const [archive] = (await server.host.status('orders')).archives ?? [];
    expect(archive).toMatchObject({ problem: null, behindBytes: 0, backups: 1 });
    expect(archive?.archived).toBe((await server.host.status('orders')).durable);
    await server.close();
    const again = await bench.server();
    await again.host.put('orders', 'b', '2');
    await again.host.runArchive('orders', 'main');
    const [later] = await again.host.archives('orders');
    expect(later?.archived).toBe((await again.host.status('orders')).durable);
  });

  it('P9 is archived on when it was restored in its place to an earlier position', async () => {
    const { host } = await bench.server();
    await host.create('orders');
    await host.addArchive('orders', 'main', { address });
    await host.put('orders', 'a', '1');
    await host.backup('orders');
    const { position } = await host.put('orders', 'b', '2');
    await host.put('orders', 'mistake', '3');
    await host.runArchive('orders', 'main');
    await host.restore('orders', { untilPosition: position, stop: true });
    await host.start('orders');
    // The open segment of the history that was left is no beginning of this one's log.
    const [gap] = await eventually(
      () => host.archives('orders'),
      ([one]) => one?.problem !== null,
    );
    expect(gap).toMatchObject({ state: 'blocked', problem: { code: 'ARCHIVE_GAP' } });
    await host.backup('orders');
    await host.put('orders', 'c', '4');
    const [archive] = await host.runArchive('orders', 'main');
    expect(archive?.archived).toBe((await host.status('orders')).durable);
    await host.restore('orders', { from: address, as: 'copy' });
    const keys = (await collect(host.exportEntries('copy'))).map(({ key }) => key);
    expect(keys).toEqual(['a', 'b', 'c']);
  });

  it('says what is wrong until it is mended', async () => {
    const server = await bench.server();
    await server.host.create('orders');
    await server.host.addArchive('orders', 'main', { address });
    await server.host.runArchive('orders', undefined);
    await server.host.stop('orders');
    await rm(address, { recursive: true });
    await server.host.start('orders');
    const [archive] = await eventually(
      () => server.host.archives('orders'),
      ([one]) => one?.problem !== null,
    );
    expect(archive).toMatchObject({ state: 'retrying', problem: { code: 'ARCHIVE_NOT_FOUND' } });
    expect(archive?.hint).not.toBeNull();
    const events = await collect(server.host.jobLog('orders'));
    expect(events.map(({ event }) => event)).toContain('archive-failed');
  });
});

describe('other recipients', () => {
  it('P3 P9 come by removing the archive and adding it with both identities; theirs alone restores, and hears what is not theirs', async () => {
    const { host } = await bench.server();
    const identities = [await generateX25519Identity(), await generateX25519Identity()] as const;
    const old = await identityToRecipient(identities[0]);
    const young = await identityToRecipient(identities[1]);
    const [oldFile, bothFile, youngFile] = ['old', 'both', 'young'].map((name) =>
      join(bench.folder, `${name}.txt`),
    ) as [string, string, string];
    await writeFile(oldFile, identities[0]);
    await writeFile(bothFile, identities.join('\n'));
    await writeFile(youngFile, identities[1]);
    await host.create('orders');
    await host.addArchive('orders', 'main', {
      address,
      recipients: [old],
      identityFile: oldFile,
    });
    await host.put('orders', 'a', '1');
    const first = await host.backup('orders', { form: 'physical' });
    await host.runArchive('orders', 'main');
    await host.removeArchive('orders', 'main');
    const changed = { address, recipients: [young] };
    // Without the old identity nobody can say whether what is there is of this database.
    await host.addArchive('orders', 'main', { ...changed, identityFile: youngFile });
    await expect(host.runArchive('orders', 'main')).rejects.toMatchObject({
      code: 'ARCHIVE_KEY_INVALID',
      hint: expect.stringContaining(old.slice(0, 16)),
    });
    await host.removeArchive('orders', 'main');
    await host.addArchive('orders', 'main', { ...changed, identityFile: bothFile });
    await host.backup('orders', { form: 'physical' });
    await host.put('orders', 'b', '2');
    await host.runArchive('orders', 'main');
    const given = { from: address, identityFile: youngFile };
    const elsewhere = await bench.host({ dataFolder: join(bench.folder, 'elsewhere') });
    await elsewhere.restore('orders', given);
    const keys = (await collect(elsewhere.exportEntries('orders'))).map(({ key }) => key);
    expect(keys).toEqual(['a', 'b']);
    await expect(
      elsewhere.restore('orders', { ...given, as: 'other', backup: first.id, recover: 'none' }),
    ).rejects.toMatchObject({
      code: 'ARCHIVE_KEY_INVALID',
      hint: expect.stringContaining(old.slice(0, 16)),
    });
  });
});

describe('a database that nobody serves', () => {
  it('is archived when told to', async () => {
    const host = await bench.host();
    await host.create('orders');
    await host.put('orders', 'a', '1');
    await host.addArchive('orders', 'main', { address });
    expect(await host.archives('orders')).toMatchObject([{ state: 'offline', archived: null }]);
    const [archive] = await host.runArchive('orders', undefined);
    expect(archive?.archived).not.toBeNull();
    expect(await host.archives('orders')).toMatchObject([
      { state: 'offline', archived: archive?.archived },
    ]);
  });
});

describe('expiry', () => {
  it('in an archive is asked for by its name or address, online and offline, and told before it is done', async () => {
    const server = await bench.server();
    const { host } = server;
    await host.create('orders');
    await host.addArchive('orders', 'main', { address });
    const ids: string[] = [];
    for (const key of ['a', 'b', 'c', 'd']) {
      await host.put('orders', key, '1');
      ids.push((await host.backup('orders')).id);
      await host.runArchive('orders', undefined);
    }
    const [first] = ids;
    const told = await host.expire('orders', { from: address, dryRun: true });
    expect(told).toMatchObject({ removed: [], dryRun: true });
    expect(told.decisions.find(({ id }) => id === first)).toMatchObject({ isDue: true });
    expect((await names()).some((name) => name.endsWith(`/backups/${first}/retired`))).toBe(true);
    await host.set('orders', 'archiveKeepHours', '0');
    await host.stop('orders');
    const done = await host.expire('orders', { from: 'main' });
    expect(done.removed).toEqual([first]);
    expect((await names()).some((name) => name.includes(`/backups/${first}/`))).toBe(false);
    const code = 'ARCHIVE_NOT_FOUND';
    for (const from of ['other', '/nowhere/archive']) {
      await expect(host.expire('orders', { from })).rejects.toMatchObject({ code });
    }
  });
});

describe('adding and removing', () => {
  it('refuses a name twice, an address that is none, and half of encryption', async () => {
    const host = await bench.host();
    await host.create('orders');
    await host.addArchive('orders', 'main', { address });
    for (const [options, code] of [
      [{ address }, 'ARCHIVE_EXISTS'],
      [{ address: 'ftp://x' }, 'ARCHIVE_ADDRESS_INVALID'],
      [{ address, recipients: ['age1x'] }, 'REQUEST_INVALID'],
    ] as const) {
      const name = code === 'ARCHIVE_EXISTS' ? 'main' : 'other';
      await expect(host.addArchive('orders', name, options)).rejects.toMatchObject({ code });
    }
    await expect(host.removeArchive('orders', 'nothing')).rejects.toMatchObject({
      code: 'ARCHIVE_NOT_FOUND',
    });
    await host.removeArchive('orders', 'main');
    expect(await host.archives('orders')).toEqual([]);
    expect(await names()).toContain('pamina-archive');
  });

  it('P9 of an encrypted archive refuses it without keys', async () => {
    const host = await bench.host();
    await host.create('orders');
    const identity = await generateX25519Identity();
    const identityFile = join(bench.folder, 'key.txt');
    await writeFile(identityFile, identity);
    const recipients = [await identityToRecipient(identity)];
    await host.addArchive('orders', 'main', { address, recipients, identityFile });
    await host.put('orders', 'a', 'a value that would be found');
    await host.runArchive('orders', undefined);
    for (const name of await names()) {
      expect((await readFile(join(address, name))).includes('would be found')).toBe(false);
    }
    await expect(host.addArchive('orders', 'plain', { address })).rejects.toMatchObject({
      code: 'ARCHIVE_ENCRYPTION',
    });
  });

  it('P14 keeps no credential in control.json, the job log, status or an error', async () => {
    const environment = {
      AWS_ACCESS_KEY_ID: 'ACCESSKEYTHATISSECRET',
      AWS_SECRET_ACCESS_KEY: 'secret+that/must+not+be+seen',
    };
    const server = await bench.server({ environment });
    const { host } = server;
    await host.create('orders');
    const place = 's3://bucket/x?endpoint=http://127.0.0.1:1';
    await host.addArchive('orders', 'main', { address });
    const control = join(bench.data, 'orders', 'control.json');
    await host.stop('orders');
    const text = await readFile(control, 'utf8');
    // Without its checksum, as one that was made by hand.
    const changed = text
      .replace(JSON.stringify(address), JSON.stringify(place))
      .replace(/,\s*"checksum": "[0-9a-f]*"/, '');
    await writeFile(control, changed);
    await host.start('orders');
    const [archive] = await eventually(
      () => host.archives('orders'),
      ([one]) => one?.problem !== null,
    );
    const events = await collect(host.jobLog('orders'));
    const failure: unknown = await host
      .runArchive('orders', 'main')
      .catch((error: unknown) => error);
    const seen = [archive, events, failure, String(failure), await readFile(control, 'utf8')];
    expect(archive?.problem?.code).toBe('ARCHIVE_UNAVAILABLE');
    for (const value of seen) {
      const printed = JSON.stringify(value);
      expect(printed).not.toContain(environment.AWS_ACCESS_KEY_ID);
      expect(printed).not.toContain(environment.AWS_SECRET_ACCESS_KEY);
    }
  });
});

describe('a database that is deleted', () => {
  it('P10 leaves its archives: what is there stays, and can be expired from anywhere', async () => {
    const { host } = await bench.server();
    await host.create('orders');
    await host.addArchive('orders', 'main', { address });
    await host.put('orders', 'a', '1');
    await host.runArchive('orders', undefined);
    expect((await names()).some((name) => name.includes('/writers/'))).toBe(true);
    await host.stop('orders');
    const plan = await host.delete('orders', { dryRun: true });
    expect(plan.archives).toEqual([{ name: 'main', address, problem: null }]);
    expect((await names()).some((name) => name.includes('/writers/'))).toBe(true);
    expect((await host.delete('orders')).archives).toEqual(plan.archives);
    expect((await names()).some((name) => name.includes('/writers/'))).toBe(false);
    expect((await names()).some((name) => name.includes('/log/'))).toBe(true);
  });

  it('P9 is deleted also where an archive does not answer, which is said', async () => {
    const { host } = await bench.server();
    await host.create('orders');
    await host.addArchive('orders', 'main', { address });
    await host.put('orders', 'a', '1');
    await host.stop('orders');
    await rm(address, { recursive: true });
    const { archives } = await host.delete('orders');
    expect(archives).toMatchObject([{ name: 'main', problem: expect.any(String) as string }]);
    expect(await host.list()).toEqual([]);
  });
});
