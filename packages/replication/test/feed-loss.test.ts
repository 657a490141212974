// Real databases, a real socket: what becomes of a replica whose log passed the cap, and of a copied folder.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isEven, jobLines, logFiles, Pair, until, write } from './pair.js';

let pair: Pair;
beforeEach(async () => {
  pair = await Pair.create();
  await pair.master.system.setSettings({ replicaHoldBytes: 2 ** 18, replicaHoldDays: 0 });
  await pair.master.updateControl({ keepFromSeq: 1_000_000 });
  await write(pair.master, 50);
});
afterEach(() => pair.close());

/** Follows to the end, then is away while more is written than is held for it. */
async function awayFor(commits: number, whileAway: (seq: number) => void = () => undefined) {
  const copy = await pair.follow('copy');
  await until('even', () => isEven(pair.master, copy.database));
  await until('reported', () => {
    const [slot] = pair.master.slots.list();
    return slot?.durable === pair.master.durable().seq;
  });
  await copy.runner.stop();
  await pair.server.settle();
  whileAway(copy.database.durable().seq);
  await write(pair.master, commits);
  return copy;
}

describe('a replica past the cap', () => {
  it('P10 is log-gone when it comes back, and says when, by which cap, and what to do', async () => {
    const { database, runner } = await awayFor(3000);
    await pair.master.applyRetention();
    const { seq } = database.durable();
    expect(pair.master.log.firstSeq).toBeGreaterThan(seq + 1);
    runner.start();
    await until('log-gone', () => runner.status().state === 'log-gone');
    expect(runner.status()).toMatchObject({ code: 'REPLICA_LOST' });
    expect(runner.status().reason).toMatch(/replicaHoldBytes/);
    expect(runner.status().message).toMatch(/--recreate/);
    expect(database.durable().seq).toBe(seq);
    expect(pair.master.slots.lost('copy')).not.toBeNull();
  });

  it('P10 is taken back when its log is here all the same, and lacks nothing', async () => {
    let unpin = (): void => undefined;
    const { database, runner } = await awayFor(3000, (seq) => {
      unpin = pair.master.log.pin(seq);
    });
    await pair.master.applyRetention();
    expect(pair.master.slots.lost('copy')).not.toBeNull();
    runner.start();
    await until('even', () => isEven(pair.master, database));
    unpin();
    expect(pair.master.slots.lost('copy')).toBeNull();
    expect((await jobLines(pair.master)).join('\n')).toMatch(/copy was lost and is back/);
    await pair.shut(database);
    const again = await pair.open(database.folder);
    // Its log begins where it was laid out, and is its master's byte for byte.
    const files = await logFiles(pair.master);
    for (const file of await logFiles(again)) expect(files).toContain(file);
  });

  it('P10 does not keep its log by being connected: it ends as log-gone', async () => {
    const copy = await pair.follow('copy');
    await until('even', () => isEven(pair.master, copy.database));
    // It receives and stores nothing any more.
    let goOn = (): void => undefined;
    const stalled = new Promise<void>((resolve) => (goOn = resolve));
    copy.database.receive = () => stalled;
    await write(pair.master, 3000);
    await pair.master.applyRetention();
    await until('log-gone', () => copy.runner.status().state === 'log-gone');
    expect(copy.runner.status()).toMatchObject({ code: 'REPLICA_LOST' });
    await pair.server.settle();
    await pair.master.applyRetention();
    expect(pair.master.log.firstSeq).toBeGreaterThan(copy.database.durable().seq + 1);
    goOn();
  });
});

describe('a copied folder', () => {
  it('P10 is a clone to the master while the first one is connected, which goes on', async () => {
    const first = await pair.follow('copy');
    await until('even', () => isEven(pair.master, first.database));
    const { instance } = first.database.identity;
    const copied = await pair.replica('copied');
    await copied.updateControl({ name: 'copy' });
    Object.defineProperty(copied, 'identity', {
      value: { pattern: first.database.identity.pattern, instance },
    });
    const runner = pair.runner(copied);
    runner.start();
    // The first one is heard of whenever something is written.
    await until('clone', async () => {
      await write(pair.master, 1);
      return runner.status().state === 'clone';
    });
    expect(runner.status()).toMatchObject({ code: 'REPLICA_CLONED' });
    expect(runner.status().reason).toMatch(/is connected already as the same instance/);
    expect(runner.status().message).toMatch(/another name/);
    await until('even', () => isEven(pair.master, first.database));
    expect(first.runner.status().state).toBe('streaming');
  });

  it('P16 a connection that was cut without a word is no clone when its runner comes again', async () => {
    const first = await pair.follow('copy');
    await until('even', () => isEven(pair.master, first.database));
    await first.runner.stop();
    first.runner.start();
    await write(pair.master, 5);
    await until('even', () => isEven(pair.master, first.database));
  });
});
