// Remote databases and servers in processes of their own: a server that is killed, a master that moves, reads that
// go to a replica.
import { RemotePamina, type RemoteOptions } from '@pamina/client';
import { FileDirectory } from '@pamina/directory';
import { nodeEnv } from '@pamina/env';
import { isPaminaError } from '@pamina/format';
import { expect, it } from 'vitest';
import { createMaster, createReplica, type Place, untilLevel } from '../support/following.js';
import { inScene, type Scene } from '../support/scene.js';
import { ServedFolder } from '../support/served-folder.js';
import { until } from '../support/until.js';

const env = nodeEnv();

function connect(
  scene: Scene,
  name: string,
  options: Partial<RemoteOptions<string, string>> = {},
): RemotePamina {
  const path = scene.path('directory.json');
  const directory = (): FileDirectory => new FileDirectory({ env, path });
  const db = new RemotePamina(`pamina://${name}`, { env, directory, ...options });
  scene.atEnd(() => db.close());
  return db;
}

/** Writes one key after the other until it is told to end; what became of each. */
class Writing {
  readonly acknowledged: string[] = [];
  readonly unknown: string[] = [];
  readonly #db: RemotePamina;
  readonly #prefix: string;
  readonly #done: Promise<void>;
  #isOver = false;

  constructor(db: RemotePamina, prefix: string) {
    this.#db = db;
    this.#prefix = prefix;
    this.#done = this.#run();
    this.#done.catch(() => {
      // finish() tells it.
    });
  }

  finish(): Promise<void> {
    this.#isOver = true;
    return this.#done;
  }

  async #run(): Promise<void> {
    for (let at = 0; !this.#isOver; at++) {
      const key = `${this.#prefix}-${at}`;
      try {
        await this.#db.put(key, key);
        this.acknowledged.push(key);
      } catch (error) {
        // The one way in which a write may fail here.
        if (!isPaminaError(error, 'COMMIT_UNKNOWN')) throw error;
        this.unknown.push(key);
      }
    }
  }
}

const writersOf = (db: RemotePamina, count: number): Writing[] =>
  Array.from({ length: count }, (_, at) => new Writing(db, `writer ${at}`));

async function finished(writers: readonly Writing[]): Promise<string[]> {
  await Promise.all(writers.map((writer) => writer.finish()));
  return writers.flatMap(({ acknowledged }) => acknowledged);
}

function countOf(writers: readonly Writing[]): number {
  return writers.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0);
}

async function expectAllThere(db: RemotePamina, keys: string[]): Promise<void> {
  const values = await db.getMany(keys);
  expect(keys.filter((key, at) => values[at] !== key)).toEqual([]);
}

it(
  'P1 a server that is killed in the midst of writes: what was acknowledged is there, the rest is told as unknown, and the client goes on by itself',
  { timeout: 360_000 },
  inScene(async (scene) => {
    const served = await ServedFolder.started(scene, 'main');
    await served.administration.create('orders');
    const db = connect(scene, 'orders', { timeoutMs: 60_000 });
    const writers = writersOf(db, 16);
    for (let kills = 0; kills < 3; kills++) {
      const before = countOf(writers);
      await until('there were new commits', () => countOf(writers) > before + 200);
      await served.kill();
      await served.start();
    }
    const before = countOf(writers);
    await until('it went on', () => countOf(writers) > before);
    const acknowledged = await finished(writers);
    const unknown = writers.flatMap((writer) => writer.unknown);
    expect(unknown.length).toBeGreaterThan(0);
    await expectAllThere(db, acknowledged);
    const there = new Set(await db.keys().all());
    const told = new Set([...acknowledged, ...unknown]);
    expect([...there].filter((key) => !told.has(key))).toEqual([]);
  }),
);

async function pair(scene: Scene): Promise<{ master: Place; replica: Place }> {
  const here = await ServedFolder.started(scene, 'main');
  const there = await ServedFolder.started(scene, 'standby');
  const master = await createMaster(here, 'orders');
  const replica = await createReplica(there, 'orders-b', master, { simultaneousQuery: true });
  return { master, replica };
}

it(
  'P11 a planned failover is followed by the client: no write fails but by an unknown outcome, and none that was acknowledged is missing',
  { timeout: 360_000 },
  inScene(async (scene) => {
    const { replica } = await pair(scene);
    const db = connect(scene, 'orders', { timeoutMs: 60_000 });
    const writers = writersOf(db, 8);
    await until('there were commits', () => countOf(writers) > 200);
    await replica.served.administration.failover('orders', { to: 'orders-b' });
    const before = countOf(writers);
    await until('they went on', () => countOf(writers) > before + 200);
    const acknowledged = await finished(writers);
    await expectAllThere(db, acknowledged);
    const local = await replica.served.administration.status('orders');
    expect(local.type).toBe('normal');
    expect(db.position?.startsWith('2/')).toBe(true);
  }),
);

it(
  'P12 reads of one client that go here and there never show it something older, and wait for what it has written itself',
  { timeout: 360_000 },
  inScene(async (scene) => {
    const { master, replica } = await pair(scene);
    const db = connect(scene, 'orders', { readFrom: 'replica', timeoutMs: 60_000 });
    const other = connect(scene, 'orders', { readFrom: 'nearest', timeoutMs: 60_000 });
    await db.put('n', '0');
    await until(
      'the replica is read from',
      () => db.replicas.length === 1 && other.replicas.length === 1,
    );
    const writing = (async () => {
      for (let n = 1; n <= 300; n++) {
        await db.put('n', String(n));
        // What was written is read, wherever that is.
        expect(Number(await db.get('n'))).toBeGreaterThanOrEqual(n);
      }
    })();
    const reading = (async () => {
      let [last, at] = [0, 0];
      for (; last < 300;) {
        // One read after the other at the replica, at the master, and in a snapshot of either.
        const maxStalenessMs = at++ % 3 === 0 ? 0 : undefined;
        const seen = Number(
          at % 5 === 0
            ? (await other.iterator({ gte: 'n', lte: 'n' }).all())[0]?.[1]
            : await other.get('n', { maxStalenessMs }),
        );
        expect(seen).toBeGreaterThanOrEqual(last);
        last = seen;
      }
    })();
    await Promise.all([writing, reading]);

    // A replica that stands still is not there yet: the read goes to the master.
    const { administration } = replica.served;
    await untilLevel(replica, master);
    await administration.set('orders-b', 'applyPaused', 'true');
    await db.put('n', 'new');
    expect(await db.get('n')).toBe('new');
    // Who has seen nothing newer is shown what is there.
    const fresh = connect(scene, 'orders', { readFrom: 'replica' });
    await fresh.open();
    await until('the replica is read from', () => fresh.replicas.length === 1);
    expect(await fresh.get('n')).toBe('300');
    // From here on it has seen what is newer.
    expect(await fresh.get('n', { maxStalenessMs: 0 })).toBe('new');
    expect(await fresh.get('n')).toBe('new');
    await administration.set('orders-b', 'applyPaused', 'false');
    await untilLevel(replica, master);
    expect(await fresh.get('n')).toBe('new');
  }),
);

it(
  'P12 a replica answers while the master is gone; writes wait for whoever takes its place',
  { timeout: 360_000 },
  inScene(async (scene) => {
    const { master, replica } = await pair(scene);
    const db = connect(scene, 'orders', { readFrom: 'replica', timeoutMs: 60_000 });
    await db.put('a', 'before');
    await until('the replica is read from', () => db.replicas.length === 1);
    await untilLevel(replica, master);
    expect(await db.get('a')).toBe('before');
    await master.served.kill();
    expect(await db.get('a')).toBe('before');
    const write = db.put('a', 'after');
    await replica.served.administration.failover('orders', { to: 'orders-b' });
    await write.catch((error: unknown) => {
      if (!isPaminaError(error, 'COMMIT_UNKNOWN')) throw error;
    });
    await db.put('a', 'later');
    expect(await db.get('a')).toBe('later');
  }),
);
