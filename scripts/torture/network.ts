// `network`: a master and a replica with many connections, some of which never read, while each side is restarted and
// killed in turn. What was acknowledged must be there, no client may see anything older than what it saw, and the
// memory of the servers stays within what their limits add up to.
import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { answersHeldBytesMax } from '@pamina/format';
import { type RemoteAdministration, RemotePamina } from '@pamina/client';
import { FileDirectory } from '@pamina/directory';
import { nodeEnv } from '@pamina/env';
import {
  createMaster,
  createReplica,
  type Place,
  untilLevel,
} from '../../test/support/following.js';
import type { RunningProcess } from '../../test/support/running-process.js';
import { Scene } from '../../test/support/scene.js';
import { ServedFolder } from '../../test/support/served-folder.js';
import { until } from '../../test/support/until.js';
import { NetworkCrew } from './network-crew.js';
import { largeBytes, largeKey } from './program/network-words.js';
import { differences, prefixEnd, prefixStart, readJournal } from './program/network-work.js';
import { type Fault, percentiles, type Progress, type Report } from './report.js';

export interface NetworkOptions {
  readonly seconds: number;
  readonly connections: number;
  /** Of them, those that never read. */
  readonly silent: number;
  readonly seed: number;
  /** Between two rounds of a client, at most. */
  readonly pauseMsMax: number;
  /** A client forgets a write, to show that it is noticed. */
  readonly isSpoiled?: boolean | undefined;
  readonly progress: Progress;
}

const name = 'orders';
const replicaName = 'orders-replica';
const token = 'token-of-the-network-torture';
/** Beside answers that nobody reads: Node.js with its heap, both stores' caches and tables, log and overlay. */
const restBytesMax = 768 * 1024 * 1024;
const bytesMax = answersHeldBytesMax + restBytesMax;
const sampleMs = 1000;
/** For an answer of `/health`: five processes share the machine, and each takes all that it gets. The figure says how long. */
const healthMs = 15_000;
const levelMs = 120_000;

const sides = ['master', 'replica'] as const;
type Side = (typeof sides)[number];

type Strike = readonly [what: string, strike: (torture: Network) => Promise<void>];

/** Each side is ended in order once, and killed once. */
const strikes: readonly Strike[] = [
  ['the master is restarted', (torture) => torture.master.served.restart()],
  ['the replica is killed', (torture) => killed(torture.replica.served)],
  ['clients are killed', (torture) => torture.crew.restart('SIGKILL')],
  ['the master is killed', (torture) => killed(torture.master.served)],
  ['the replica is restarted', (torture) => torture.replica.served.restart()],
  ['clients are ended', (torture) => torture.crew.restart(null)],
];

export async function network(options: NetworkOptions): Promise<Report> {
  const started = performance.now();
  const scene = await Scene.open();
  try {
    const torture = await Network.set(scene, options);
    await torture.run();
    const seconds = (performance.now() - started) / 1000;
    const { faults } = torture;
    const figures = torture.figures();
    return { torture: 'network', seed: options.seed, seconds, figures, faults, notRun: [] };
  } finally {
    await scene.close();
  }
}

class Network {
  readonly faults: Fault[] = [];
  readonly master: Place;
  readonly replica: Place;
  readonly crew: NetworkCrew;
  readonly #scene: Scene;
  readonly #options: NetworkOptions;
  readonly #struck: Record<string, number> = {};
  readonly #peaks = { master: 0, replica: 0 };
  readonly #ends = { master: 0, replica: 0 };
  readonly #sockets = {
    master: { before: 0, after: 0 },
    replica: { before: 0, after: 0 },
  };
  readonly #healthMs: number[] = [];
  #samples = 0;
  /** A server that is being restarted is not asked. */
  #isStriking = false;

  private constructor(
    scene: Scene,
    master: Place,
    replica: Place,
    crew: NetworkCrew,
    options: NetworkOptions,
  ) {
    this.#scene = scene;
    this.master = master;
    this.replica = replica;
    this.crew = crew;
    this.#options = options;
  }

  static async set(scene: Scene, options: NetworkOptions): Promise<Network> {
    const tokenFile = scene.path('token');
    await writeFile(tokenFile, token, { mode: 0o600 });
    const given = { token, tokenFile };
    const master = await createMaster(await ServedFolder.started(scene, 'main', given), name);
    const other = await ServedFolder.started(scene, 'other', given);
    const replica = await createReplica(other, replicaName, master, { simultaneousQuery: true });
    await putLarge(master.served.administration);
    const { connections, isSpoiled, pauseMsMax, seed, silent } = options;
    const crew = new NetworkCrew(scene, {
      ...{ database: name, replica: replicaName, directory: scene.path('directory.json'), token },
      ...{ clients: connections - silent, silent, seed, pauseMsMax, isSpoiled },
    });
    return new Network(scene, master, replica, crew, options);
  }

  async run(): Promise<void> {
    const { progress, seconds } = this.#options;
    for (const side of sides) this.#sockets[side].before = socketsOf(this[side].served.process);
    await this.crew.start();
    const startedAt = performance.now();
    const eachMs = (seconds * 1000) / (strikes.length + 1);
    for (const [at, [what, strike]] of strikes.entries()) {
      await this.#watchUntil(startedAt + (at + 1) * eachMs);
      progress(`${what}, ${this.crew.operations.toLocaleString('en-US')} calls`);
      this.#isStriking = true;
      await strike(this);
      this.#isStriking = false;
      this.#struck[what] = (this.#struck[what] ?? 0) + 1;
    }
    await this.#watchUntil(startedAt + seconds * 1000);
    await this.#finish();
  }

  async #finish(): Promise<void> {
    this.faults.push(...(await this.crew.finish()));
    await untilLevel(this.replica, this.master, levelMs);
    const states = await Promise.all(
      [this.master, this.replica].map(({ name: one, served }) => served.administration.hash(one)),
    );
    if (states[0]?.stateHash !== states[1]?.stateHash) {
      this.#wrong('at the end', `master and replica differ: ${JSON.stringify(states)}`);
    }
    await this.#compareRows();
    for (const side of sides) await this.#untilBare(side);
  }

  /** Not what the clients say, who may have ended without having read: what is there, and their journals. */
  async #compareRows(): Promise<void> {
    const env = nodeEnv();
    const directory = new FileDirectory({ env, path: this.#scene.path('directory.json') });
    const db = new RemotePamina(`pamina://${name}`, { env, directory, token });
    const rows = await db.iterator({ gte: prefixStart, lt: prefixEnd }).all();
    await db.close();
    await directory.close();
    const known = readJournal(this.crew.journals());
    for (const what of differences(known, rows)) this.#wrong('at the end', what);
  }

  /** Nothing is left of the connections, nor of what they held. */
  async #untilBare(side: Side): Promise<void> {
    const { process } = this[side].served;
    const sockets = this.#sockets[side];
    await until('the connections are gone', () => {
      sockets.after = socketsOf(process);
      return sockets.after <= sockets.before + 8;
    }).catch((error: unknown) => this.#wrong(side, String(error)));
    this.#ends[side] = residentBytes(process);
    if (this.#ends[side] <= restBytesMax) return;
    this.#wrong(side, `it still has ${this.#ends[side]} bytes, and may have ${restBytesMax}`);
  }

  async #watchUntil(when: number): Promise<void> {
    for (;;) {
      const left = when - performance.now();
      if (left <= 0) return;
      await new Promise((resolve) => setTimeout(resolve, Math.min(left, sampleMs)));
      await this.#sample();
    }
  }

  async #sample(): Promise<void> {
    if (this.#isStriking) return;
    this.#samples += 1;
    for (const which of sides) {
      const { served } = this[which];
      const bytes = residentBytes(served.process);
      this.#peaks[which] = Math.max(this.#peaks[which], bytes);
      if (bytes > bytesMax) this.#wrong(which, `it has ${bytes} bytes, and may have ${bytesMax}`);
      const asked = performance.now();
      try {
        const signal = AbortSignal.timeout(healthMs);
        const answer = await fetch(`${served.address}/health`, { signal });
        if (answer.status >= 500) this.#wrong(which, `/health says ${answer.status}`);
      } catch (error) {
        const { cause } = error as Error;
        this.#wrong(which, `/health does not answer: ${String(error)} (${String(cause)})`);
      }
      this.#healthMs.push(performance.now() - asked);
    }
  }

  #wrong(where: string, what: string): void {
    this.faults.push({ where, what });
  }

  figures(): Report['figures'] {
    const mebibytes = (bytes: number): number => Math.round(bytes / 2 ** 20);
    return {
      'calls answered': this.crew.done(),
      'calls refused': this.crew.refusals(),
      'milliseconds of a call': this.crew.latencies(),
      strikes: this.#struck,
      'MiB of memory at most': {
        master: mebibytes(this.#peaks.master),
        replica: mebibytes(this.#peaks.replica),
        allowed: mebibytes(bytesMax),
      },
      'MiB of memory at the end': {
        master: mebibytes(this.#ends.master),
        replica: mebibytes(this.#ends.replica),
        allowed: mebibytes(restBytesMax),
      },
      'sockets and files, master': this.#sockets.master,
      'sockets and files, replica': this.#sockets.replica,
      'milliseconds of /health': percentiles(this.#healthMs),
      samples: this.#samples,
    };
  }
}

async function killed(served: ServedFolder): Promise<void> {
  await served.kill();
  await served.start();
}

async function putLarge(administration: RemoteAdministration): Promise<void> {
  const value = 'x'.repeat(largeBytes);
  await administration.batch(name, [{ type: 'put', key: largeKey, value }]);
}

function residentBytes({ pid }: RunningProcess): number {
  const [, kibibytes = '0'] =
    /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kibibytes) * 1024;
}

function socketsOf({ pid }: RunningProcess): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}
