// Physical backups over the network: replicas and copies made from them, and transfers that go on where
// they were interrupted.

import { HttpBackupSource, HttpCaller, type HttpTransport } from '@pamina/wire';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Host } from '../src/host.js';
import type { HostServer } from '../src/server.js';
import { env, eventually, Workbench } from './workbench.js';

let bench: Workbench;
let server: HostServer;
let master: Host;
let other: Host;

beforeEach(async () => {
  bench = await Workbench.open();
  server = await bench.server();
  master = server.host;
  other = (await bench.server({ data: 'other' })).host;
  await master.create('cities');
  await master.set('cities', 'replicationDelayMs', '0');
  for (let i = 0; i < 50; i++) await master.put('cities', `key-${i}`, 'value '.repeat(2000) + i);
});
afterEach(() => bench.close());

async function sameAsMaster(name: string): Promise<void> {
  const { position } = await master.status('cities');
  await eventually(
    () => other.status(name),
    ({ applied }) => applied === position,
  );
  const hashes = await Promise.all([master.hash('cities'), other.hash(name)]);
  expect(hashes[1]).toMatchObject({ stateHash: hashes[0].stateHash });
}

it('the form is what is asked for, or the setting', async () => {
  expect(await master.backup('cities')).toMatchObject({ form: 'logical', entries: 51 });
  const asked = await master.backup('cities', { form: 'physical' });
  expect(asked).toMatchObject({ form: 'physical', entries: null });
  await expect(master.set('cities', 'backupForm', 'both')).rejects.toMatchObject({
    code: 'PROPERTY_INVALID',
  });
  expect(await master.set('cities', 'backupForm', 'physical')).toMatchObject({
    backupForm: 'physical',
  });
  expect(await master.backup('cities', { tag: 'x' })).toMatchObject({ form: 'physical' });
  expect(await master.backup('cities', { form: 'logical' })).toMatchObject({ form: 'logical' });
});

it('P3 a replica in one step, and one in three, from a physical backup', async () => {
  await master.set('cities', 'backupForm', 'physical');
  await other.replicate('in-one', { master: 'cities' });
  await master.put('cities', 'behind', 'the backup');
  await sameAsMaster('in-one');
  expect((await master.backups('cities'))[0]).toMatchObject({ form: 'physical' });

  await master.allow('cities', 'in-three');
  await other.create('in-three', { fromBackup: 'pamina://cities' });
  await other.replicate('in-three', { master: 'cities' });
  await sameAsMaster('in-three');
});

it('a replica gives physical backups too', async () => {
  await other.replicate('copy', { master: 'cities' });
  await sameAsMaster('copy');
  const { id, position } = await other.backup('copy', { form: 'physical' });
  expect(position).toBe((await master.status('cities')).position);
  const [newest] = await other.backups('copy');
  expect(newest).toMatchObject({ id, form: 'physical', problem: null });
});

/** Compared as text, which is quick. */
function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

async function anyFile(): Promise<{ id: string; file: string; bytes: Uint8Array }> {
  const { id } = await master.backup('cities', { form: 'physical' });
  const entries = await env.disk.list(`${bench.data}/cities/backups/${id}`);
  const { name } = entries.toSorted((one, two) => two.bytes - one.bytes)[0] ?? { name: '' };
  const bytes = await env.disk.readFile(`${bench.data}/cities/backups/${id}/${name}`);
  return { id, file: name, bytes };
}

it('a part of a file is what was asked for, and everything where a range says nothing', async () => {
  const { bytes, file, id } = await anyFile();
  const url = `${server.address}/v1/databases/cities/backups/${id}/files/${file}`;
  const ask = async (range: string) => {
    const response = await env.network.request(url, { headers: { range } });
    return {
      status: response.status,
      range: response.headers['content-range'],
      bytes: textOf(await response.bytes(bytes.length)),
    };
  };
  expect(await ask('bytes=10-19')).toEqual({
    status: 206,
    range: `bytes 10-19/${bytes.length}`,
    bytes: textOf(bytes.subarray(10, 20)),
  });
  expect(await ask(`bytes=${bytes.length - 3}-`)).toMatchObject({
    status: 206,
    bytes: textOf(bytes.subarray(-3)),
  });
  expect(await ask(`bytes=5-${bytes.length + 100}`)).toMatchObject({
    status: 206,
    bytes: textOf(bytes.subarray(5)),
  });
  for (const range of [
    `bytes=${bytes.length}-`,
    'bytes=9-3',
    'bytes=-5',
    'bytes=a-b',
    'lines=1-2',
  ]) {
    expect(await ask(range), range).toMatchObject({
      status: 200,
      bytes: textOf(bytes),
    });
  }
});

async function read(source: HttpBackupSource, file: string, offset: number, length: number) {
  const parts: Uint8Array[] = [];
  for await (const part of source.readRange(file, offset, length)) parts.push(part);
  return new Uint8Array(Buffer.concat(parts));
}

it('a source over HTTP reads ranges, also from a server that knows none, and no other ones', async () => {
  const { bytes, file, id } = await anyFile();
  const sourceOver = (request: HttpTransport['request']) =>
    new HttpBackupSource(
      new HttpCaller({ address: server.address, network: { request }, clock: env.clock }),
      'cities',
      id,
    );
  const plain = sourceOver((url, options) => env.network.request(url, options));
  const expected = bytes.subarray(1000, 3000);
  expect(await read(plain, file, 1000, 2000)).toEqual(expected);

  const old = sourceOver((url, options) => {
    const { range: _, ...headers } = options?.headers ?? {};
    return env.network.request(url, { ...options, headers });
  });
  expect(await read(old, file, 1000, 2000)).toEqual(expected);

  const lying = sourceOver((url, options) => {
    const headers = { ...options?.headers, range: 'bytes=0-1999' };
    return env.network.request(url, { ...options, headers });
  });
  await expect(read(lying, file, 1000, 2000)).rejects.toMatchObject({ code: 'MESSAGE_INVALID' });
});
