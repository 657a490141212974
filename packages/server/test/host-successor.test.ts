// A replica of a replica whose server was down while that one took its master's place: it finds by itself who
// it belongs to, and never follows another database by mistake.
import { takeoverReason, type Timeline } from '@pamina/format';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Host } from '../src/host.js';
import { successorOf } from '../src/host-successor.js';
import type { Peer } from '../src/peers.js';
import type { HostServer } from '../src/server.js';
import { collect, eventually, Workbench } from './workbench.js';

let bench: Workbench;

beforeEach(async () => {
  bench = await Workbench.open();
});
afterEach(() => bench.close());

/** `cities`, its replica `cities-2`, and `cities-3`, which follows that one. */
async function chain(): Promise<{
  first: HostServer;
  second: HostServer;
  third: HostServer;
}> {
  const first = await bench.server();
  await first.host.create('cities');
  await first.host.set('cities', 'replicationDelayMs', '0');
  await first.host.put('cities', 'a', '1');
  const second = await bench.server({ data: 'second' });
  await second.host.replicate('cities-2', { master: 'cities' });
  const third = await bench.server({ data: 'third' });
  await third.host.create('cities-3', { fromBackup: 'pamina://cities' });
  const early = third.host.replicate('cities-3', { master: 'cities-2' });
  await expect(early).rejects.toMatchObject({
    code: 'NOT_PERMITTED',
    hint: 'Permit it with `pamina allow cities cities-3`, and try again when cities-2 has applied that.',
  });
  await first.host.allow('cities', 'cities-3');
  await caughtUp(second.host, 'cities-2', first.host);
  await third.host.replicate('cities-3', { master: 'cities-2' });
  await caughtUp(second.host, 'cities-2', first.host);
  await caughtUp(third.host, 'cities-3', first.host);
  return { first, second, third };
}

async function caughtUp(host: Host, name: string, master: Host): Promise<void> {
  await eventually(
    async () => [await master.status('cities'), await host.status(name)] as const,
    ([top, status]) => status.applied === top.applied && status.state === 'streaming',
  );
}

describe('P11 P16 a replica of who took over', () => {
  it('that was away meanwhile follows it under its new name, and takes its turn in the next failover', async () => {
    const { first, second, third } = await chain();
    await third.close();
    await second.host.failover('cities', { to: 'cities-2' });
    await second.host.put('cities', 'b', '2');
    const { host } = await bench.server({ data: 'third' });
    await caughtUp(host, 'cities-3', second.host);
    expect((await host.status('cities-3')).master).toMatchObject({ name: 'cities' });
    const events = await collect(host.jobLog('cities-3', {}));
    expect(events.find(({ event }) => event === 'master-renamed')?.fields).toMatchObject({
      from: 'cities-2',
      to: 'cities',
    });
    await first.host.rejoin('cities');
    const plan = await host.failover('cities', { dryRun: true });
    expect(plan.candidates.map(({ name }) => name)).toContain('cities-3');
  });

  it('that was away over two of them follows who has the name now', async () => {
    const { first, second, third } = await chain();
    await third.close();
    await second.host.failover('cities', { to: 'cities-2' });
    await first.host.rejoin('cities', { as: 'cities-1' });
    await caughtUp(first.host, 'cities-1', second.host);
    await first.host.failover('cities', { to: 'cities-1' });
    await second.host.rejoin('cities');
    await first.host.put('cities', 'b', '2');
    const { host } = await bench.server({ data: 'third' });
    await caughtUp(host, 'cities-3', first.host);
  });

  it('that was away while the master was lost follows it, too', async () => {
    const { first, second, third } = await chain();
    await third.close();
    await first.close();
    await second.host.failover('cities', { to: 'cities-2' });
    await second.host.put('cities', 'b', '2');
    const { host } = await bench.server({ data: 'third' });
    await caughtUp(host, 'cities-3', second.host);
  });

  it('stays with its master that is only stopped', async () => {
    const { second, third } = await chain();
    await second.host.stop('cities-2');
    await eventually(
      () => third.host.status('cities-3'),
      ({ reason, state }) => state === 'disconnected' && reason?.includes('nobody knows') === true,
    );
    expect((await third.host.status('cities-3')).master).toMatchObject({ name: 'cities-2' });
    await second.host.start('cities-2');
    await eventually(
      () => third.host.status('cities-3'),
      ({ state }) => state === 'streaming',
    );
    expect((await third.host.status('cities-3')).master).toMatchObject({ name: 'cities-2' });
  });
});

describe('P11 successorOf', () => {
  const created: Timeline = {
    ...{ timeline: 1, id: '00000000000000aa', forkedFrom: null, atSeq: 0 },
    why: 'created',
  };
  const after = (before: Timeline, id: string, why: string): Timeline => ({
    ...{ timeline: before.timeline + 1, id, forkedFrom: before.id, atSeq: 10, why },
  });
  const taken = after(created, '00000000000000bb', takeoverReason('cities', 'cities-2'));
  const self = { name: 'cities-3', pattern: 'ab', timelines: [created] };
  const peer = (timelines: readonly Timeline[], pattern = 'ab'): Peer =>
    ({
      name: 'any',
      entry: { address: 'http://127.0.0.1:1', instance: null, since: null },
      status: { pattern, timelines },
    }) as unknown as Peer;

  it('is the name that was taken, whoever of its history says so', () => {
    const later = after(taken, '00000000000000cc', takeoverReason('cities', 'cities-1'));
    expect(successorOf(self, 'cities-2', [peer([created, taken])])).toBe('cities');
    expect(successorOf(self, 'cities-2', [peer([created, taken, later])])).toBe('cities');
  });

  it('is nobody of another pattern, history or name, and nobody where two do not agree', () => {
    const reset = after(created, '00000000000000dd', 'reset of a replica of cities');
    const stranger = after(created, '00000000000000ee', takeoverReason('towns', 'cities-2'));
    expect(successorOf(self, 'cities-2', [peer([created, taken], 'cd')])).toBeNull();
    expect(successorOf(self, 'cities-2', [peer([created, reset])])).toBeNull();
    expect(successorOf(self, 'cities-4', [peer([created, taken])])).toBeNull();
    expect(successorOf(self, 'cities-2', [])).toBeNull();
    const two = [peer([created, taken]), peer([created, stranger])];
    expect(successorOf(self, 'cities-2', two)).toBeNull();
    const other = { ...self, timelines: [created, reset] };
    expect(successorOf(other, 'cities-2', [peer([created, taken])])).toBeNull();
  });

  it('is nobody where the replica has received what came behind the takeover from another of that name', () => {
    const beyond = { ...self, timelines: [created, taken] };
    expect(successorOf(beyond, 'cities-2', [peer([created, taken])])).toBeNull();
  });
});
