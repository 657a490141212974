// Drills in which replicas suffer: killed, slow, out of touch, delayed on purpose, without their middle.
import { createServer, connect, type Server, type Socket } from 'node:net';
import { writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { anywhere, type Drill, type Telling } from './drill.js';
import { Load } from './load.js';
import { deadlineMs, newMaster, newReplica } from './places.js';
import { ServedFolder } from '../../test/support/served-folder.js';
import { commandEnvironment } from '../../test/support/command.js';
import { commandFile } from '../../test/lib/built-package.js';
import { freePort } from '../../test/support/free-port.js';
import { until } from '../../test/support/until.js';
import {
  areEqual,
  type Place,
  seqOf,
  statusOf,
  untilLevel,
  untilState,
} from '../../test/support/following.js';

const kills = 5;

async function endLevel(telling: Telling, load: Load, master: Place, ...replicas: Place[]) {
  await load.end();
  const startedAt = performance.now();
  for (const replica of replicas) await untilLevel(replica, master, deadlineMs);
  telling.figure('seconds to converge', Math.round(performance.now() - startedAt) / 1000);
  telling.figure('commits acknowledged', load.acknowledged.length);
  telling.must(await areEqual(master, ...replicas), 'all hold the same (P3, P16)');
}

export const replicaKilled: Drill = {
  name: 'replica-killed',
  title: 'a replica is killed again and again while it applies',
  ways: anywhere(async (telling) => {
    const { scene } = telling;
    const master = await newMaster(scene, 'cities');
    const replica = await newReplica(scene, 'standby', 'cities-2', master);
    const load = new Load(scene, 'cities', { writers: 8 });
    for (let kill = 1; kill <= kills; kill += 1) {
      await load.more(150);
      await replica.served.kill();
      await load.more(50);
      await replica.served.start();
      telling.event(`killed and started, ${kill} of ${kills}`);
    }
    await endLevel(telling, load, master, replica);
  }),
};

export const fiveReplicas: Drill = {
  name: 'five-replicas',
  title: 'five replicas, one of them stopped: the others and the writers do not feel it',
  ways: anywhere(async (telling) => {
    const { scene } = telling;
    const master = await newMaster(scene, 'cities');
    const replicas: Place[] = [];
    for (const number of [1, 2, 3, 4, 5]) {
      replicas.push(await newReplica(scene, `standby-${number}`, `cities-${number}`, master));
    }
    telling.event('five replicas stream');
    const [slow, ...others] = replicas as [Place, ...Place[]];
    const load = new Load(scene, 'cities');
    await load.more(200);
    slow.served.process.signal('SIGSTOP');
    load.resetGap();
    telling.event('one of them hears and says nothing');
    await load.more(500);
    telling.figure('longest commit, ms', load.longestGapMs);
    const end = seqOf((await statusOf(master)).position);
    for (const other of others) {
      await until(`${other.name} has it`, async () =>
        seqOf((await statusOf(other)).applied) >= end ? true : null,
      );
    }
    telling.event('the other four have everything');
    slow.served.process.signal('SIGCONT');
    await endLevel(telling, load, master, ...replicas);
  }),
};

export const cascade: Drill = {
  name: 'cascade',
  title: 'the middle of a chain is killed and comes back',
  ways: anywhere(async (telling) => {
    const { scene } = telling;
    const master = await newMaster(scene, 'cities');
    const middle = await newReplica(scene, 'middle', 'cities-middle', master);
    const served = await ServedFolder.started(scene, 'end');
    await served.administration.create('cities-end', { fromBackup: 'pamina://cities' });
    await master.served.administration.allow('cities', 'cities-end');
    await untilLevel(middle, master, deadlineMs);
    await served.administration.replicate('cities-end', { master: 'cities-middle' });
    const end = { served, name: 'cities-end' };
    await untilLevel(end, master, deadlineMs);
    telling.event('master, middle and end are level');
    const load = new Load(scene, 'cities');
    await load.more(200);
    await middle.served.kill();
    telling.event('the middle is killed');
    await load.more(200);
    await untilState(end, ['disconnected', 'connecting'], deadlineMs);
    await middle.served.start();
    telling.event('the middle is back');
    await endLevel(telling, load, master, middle, end);
  }),
};

export const delayedSaves: Drill = {
  name: 'delayed-replica',
  title: 'a delayed replica saves what a mistake on the master deleted',
  ways: anywhere(async (telling) => {
    const { scene } = telling;
    const master = await newMaster(scene, 'cities');
    const replica = await newReplica(scene, 'standby', 'cities-2', master);
    const [here, there] = [master.served.administration, replica.served.administration];
    await there.set('cities-2', 'applyDelayMs', '3600000');
    for (let i = 0; i < 50; i += 1) await here.put('cities', `vienna-${i}`, 'AT');
    const good = (await here.put('cities', 'last-good', 'x')).position;
    const deletes = Array.from({ length: 50 }, (_, i) => ({
      type: 'del' as const,
      key: `vienna-${i}`,
    }));
    const mistake = (await here.batch('cities', deletes)).position;
    telling.event(`everything is deleted by ${mistake}`);
    await until('the replica has received the mistake', async () =>
      seqOf((await statusOf(replica)).durable) >= seqOf(mistake) ? true : null,
    );
    await there.reset('cities-2', { untilPosition: good });
    telling.event(`the replica becomes normal behind ${good}`);
    let saved = 0;
    for await (const { key } of there.exportEntries('cities-2')) {
      if (key.startsWith('vienna-')) saved += 1;
    }
    telling.figure('documents saved', saved);
    telling.must(saved === 50, 'every document that the mistake deleted is there');
  }),
};

/** Between a replica and its master: forwards until it is told to be still, without closing anything. */
class Gate {
  readonly #server: Server;
  readonly #pairs: [Socket, Socket][] = [];
  #isStill = false;

  constructor(target: { readonly host: string; readonly port: number }) {
    this.#server = createServer((near) => {
      const far = connect(target);
      this.#pairs.push([near, far]);
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        from.on('data', (bytes) => {
          if (!this.#isStill) to.write(bytes);
        });
        from.on('error', () => to.destroy());
        from.on('close', () => {
          if (!this.#isStill) to.destroy();
        });
      }
    });
  }

  async listen(port: number): Promise<void> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  /** Half open: both sides still have their connection, and hear nothing. */
  beStill(): void {
    this.#isStill = true;
  }

  letThrough(): void {
    this.#isStill = false;
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
  }

  close(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
    this.#server.close();
  }
}

export const halfOpen: Drill = {
  name: 'half-open',
  title: 'a connection that is dead and says nothing is noticed, and made anew',
  ways: anywhere(async (telling) => {
    const { scene } = telling;
    const master = await newMaster(scene, 'cities');
    const { hostname, port } = new URL(master.served.address);
    const gate = new Gate({ host: hostname, port: Number(port) });
    scene.atEnd(() => gate.close());
    const gatePort = await freePort();
    await gate.listen(gatePort);
    // The replica's own directory leads it through the gate.
    const directory = scene.path('standby-directory.json');
    const address = `http://127.0.0.1:${gatePort}`;
    await writeFile(directory, JSON.stringify({ cities: { address } }));
    const served = await ServedFolder.of(scene, 'standby');
    const environment = { ...commandEnvironment(scene, { data: 'standby' }) };
    const listen = served.address.slice('http://'.length);
    const process = scene.start(
      'server of standby',
      [commandFile, 'serve', '--listen', listen, '--json'],
      { env: { ...environment, PAMINA_DIRECTORY: directory } },
    );
    await process.line('that it listens', (line) => (line.includes('"listening"') ? true : null));
    await served.administration.replicate('cities-2', { master: 'cities' });
    const replica = { served, name: 'cities-2' };
    await untilLevel(replica, master, deadlineMs);
    telling.event('a replica streams through a gate');
    gate.beStill();
    telling.event('the gate lets nothing through and closes nothing');
    const startedAt = performance.now();
    const load = new Load(scene, 'cities');
    await load.more(200);
    await untilState(replica, ['disconnected', 'connecting'], deadlineMs);
    telling.figure('seconds until noticed', Math.round(performance.now() - startedAt) / 1000);
    gate.letThrough();
    telling.event('the gate is open again');
    await endLevel(telling, load, master, replica);
  }),
};
