// A replica in a process of its own that has an archive and no master: made from it, killed while it
// follows, started again; and with the master when that is back. From a folder, and from object storage.
import { mkdir, writeFile } from 'node:fs/promises';
import type { DatabaseStatus } from '@pamina/wire';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import S3rver from 's3rver';
import { describe, expect, it } from 'vitest';
import { inScene, type Scene } from '../support/scene.js';
import { ServedFolder } from '../support/served-folder.js';
import { until } from '../support/until.js';

interface Place {
  readonly address: string;
  /** Options of the commands that read it. */
  readonly keys: readonly string[];
  /** Of the one that adds it. */
  readonly recipients?: readonly string[];
}

const inFolder = (scene: Scene): Promise<Place> =>
  Promise.resolve({ address: scene.path('archive'), keys: [] });

async function encrypted(scene: Scene): Promise<Place> {
  const identity = await generateX25519Identity();
  const file = scene.path('key.txt');
  await writeFile(file, identity);
  const recipients = ['--recipient', await identityToRecipient(identity)];
  return { address: scene.path('archive'), keys: ['--identity-file', file], recipients };
}

async function inStorage(scene: Scene): Promise<Place> {
  await mkdir(scene.path('storage'));
  const storage = new S3rver({
    port: 0,
    address: '127.0.0.1',
    silent: true,
    directory: scene.path('storage'),
    configureBuckets: [{ name: 'bucket', configs: [] }],
  });
  const { port } = await storage.run();
  scene.atEnd(() => storage.close());
  const file = scene.path('keys.ini');
  await writeFile(file, '[default]\naws_access_key_id = S3RVER\naws_secret_access_key = S3RVER\n');
  const address = `s3://bucket/pamina?endpoint=http://127.0.0.1:${port}`;
  return { address, keys: ['--credentials-file', file] };
}

function statusOf(served: ServedFolder): Promise<DatabaseStatus> {
  return served.administration.status('cities-copy');
}

function seqOf(position: string | null): number {
  return Number(position?.split('/')[1]);
}

async function hasCome(
  served: ServedFolder,
  what: string,
  fits: (status: DatabaseStatus) => boolean,
): Promise<DatabaseStatus> {
  let last: DatabaseStatus | null = null;
  return until(
    what,
    async () => {
      last = await statusOf(served);
      return fits(last) ? last : null;
    },
    { deadlineMs: 60_000, instead: () => JSON.stringify(last) },
  );
}

async function write(served: ServedFolder, from: number, count: number): Promise<string> {
  let position = '';
  for (let at = from; at < from + count; at += 50) {
    const operations = Array.from({ length: Math.min(50, from + count - at) }, (_, index) => ({
      type: 'put' as const,
      key: `city-${at + index}`,
      value: 'x'.repeat(2000),
    }));
    ({ position } = await served.administration.batch('cities', operations));
  }
  return position;
}

describe.each([
  ['a folder', inFolder],
  ['an encrypted folder', encrypted],
  ['object storage', inStorage],
])('from %s', (_kind, makePlace) => {
  it(
    'P3 P16 a replica is made from the archive, survives kill -9 while it follows, and goes back to its master',
    { timeout: 540_000 },
    inScene(async (scene) => {
      const { address, keys, recipients = [] } = await makePlace(scene);
      const master = await ServedFolder.started(scene, 'main');
      const { administration } = master;
      await administration.create('cities');
      await administration.set('cities', 'replicationDelayMs', '0');
      await administration.allow('cities', 'cities-copy');
      await master.json('archive', 'add', 'cities', address, ...keys, ...recipients);
      await write(master, 0, 100);
      const backup = await administration.backup('cities');
      await write(master, 100, 3000);
      await master.json('archive', 'run', 'cities');
      const { position } = await administration.status('cities');
      const { stateHash } = await administration.hash('cities');
      await master.kill();

      const copy = await ServedFolder.started(scene, 'copy');
      const made = await copy.pamina(
        ...['replicate', 'cities-copy', '--master', 'cities', '--from-archive', address, ...keys],
      );
      expect(made.status, made.stderr).toBe(0);
      await copy.administration.set('cities-copy', 'sourceArchiveAfterMs', '0');
      await copy.administration.set('cities-copy', 'sourceArchivePollMs', '200');
      const begun = seqOf(backup.position);
      await hasCome(copy, 'something of the log', ({ durable }) => seqOf(durable) > begun + 5);
      await copy.kill();
      await copy.start();
      await hasCome(copy, 'the end of the archive', ({ applied }) => applied === position);
      expect((await copy.administration.hash('cities-copy')).stateHash).toBe(stateHash);
      await hasCome(copy, 'waiting', ({ state }) => state === 'waiting');
      const { stdout } = await copy.pamina('status', 'cities-copy');
      expect(stdout).toMatch(/source +archive/);
      expect(stdout).toContain('the master cannot be reached');

      await master.start();
      const last = await write(master, 5000, 50);
      await hasCome(copy, 'streaming', ({ state }) => state === 'streaming');
      await hasCome(copy, 'the last commit', ({ applied }) => applied === last);
      expect((await statusOf(copy)).master?.source).toBe('master');
    }),
  );
});
