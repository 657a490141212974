// A machine of the simulated world. Its disk and its clock outlive the one process that runs on it.

import type { Env } from '@pamina/env';
import { HostClock, simulatedClock } from './clock.js';
import { HostDisk } from './disk/host-disk.js';
import { SimulatedDisk } from './disk/simulated-disk.js';
import type { EventLoop } from './event-loop.js';
import { Incarnation } from './incarnation.js';
import type { Death } from './incarnation.js';
import type { Net } from './network/net.js';
import { simulatedNetwork } from './network/simulated-network.js';
import type { Prng } from './prng.js';
import { simulatedRandom } from './random.js';
import { simulatedStores } from './store/simulated-stores.js';
import type { Trace } from './trace.js';

export class Host {
  readonly name: string;
  readonly disk: HostDisk;
  readonly clock: HostClock;
  readonly #loop: EventLoop;
  readonly #net: Net;
  readonly #trace: Trace;
  readonly #random: Prng;
  #life: Incarnation | null = null;
  /** Seams of this life over disks of other machines, by their names. */
  readonly #mounted = new Map<string, Env>();
  #env: Env | null = null;
  #lives = 0;
  #boots = 1;
  #hasPower = true;

  constructor(name: string, loop: EventLoop, net: Net, trace: Trace, random: Prng) {
    this.name = name;
    this.#net = net;
    this.#loop = loop;
    this.#trace = trace;
    this.#random = random;
    this.clock = new HostClock(loop);
    this.disk = new HostDisk(name, random.fork('disk'), this.clock);
    this.start();
  }

  /** The seams of the process that runs; an error while none does. A new one after each start. */
  get env(): Env {
    if (this.#env === null) throw new Error(`no process runs on ${this.name}`);
    return this.#env;
  }

  /**
   * The same seams over the disk of another machine, as a disk that is plugged in here is used: it has
   * faults of its own, and loses its cache with this machine's power.
   */
  envOn(other: Host): Env {
    const { env } = this;
    const life = this.#life as Incarnation;
    const known = this.#mounted.get(other.name);
    if (known !== undefined) return known;
    const random = this.#random.fork(`process ${this.#lives} on ${other.name}`);
    const mounted = { ...env, disk: new SimulatedDisk(life, other.disk, random) };
    this.#mounted.set(other.name, mounted);
    return mounted;
  }

  get isRunning(): boolean {
    return this.#life !== null;
  }

  /** False from a power cut until the next start: nothing answers, not even to refuse. */
  get hasPower(): boolean {
    return this.#hasPower;
  }

  /** How many processes were started here, this one included. */
  get lives(): number {
    return this.#lives;
  }

  /** The process dies between two events; the page cache stays, and the system says goodbye for it. */
  kill(): void {
    this.#end('kill');
  }

  /** The machine stops: what was not synced is resolved as the disk's settings say. */
  powerCut(): void {
    this.#end('power cut');
    this.#hasPower = false;
    this.#net.setPower(this.name, false);
  }

  /** Starts a process, with power if there was none, and gives its seams. An error while one runs. */
  start(): Env {
    if (this.#life !== null) throw new Error(`a process runs on ${this.name} already`);
    this.#lives += 1;
    if (!this.#hasPower) this.#boots += 1;
    this.#hasPower = true;
    forgetPaths(this.disk.mount);
    const random = this.#random.fork(`process ${this.#lives}`);
    const life = new Incarnation(
      this.name,
      this.#systemTexts(),
      this.#loop,
      this.#trace,
      random.fork('ties'),
    );
    life.note('start', this.#lives);
    this.#net.setPower(this.name, true);
    const disk = new SimulatedDisk(life, this.disk, random.fork('disk'));
    this.#life = life;
    this.#env = {
      disk,
      clock: simulatedClock(life, this.clock),
      network: simulatedNetwork(life, this.#net),
      random: simulatedRandom(random.fork('random')),
      stores: simulatedStores(life, this.disk, disk, random.fork('stores')),
    };
    return this.#env;
  }

  /** No process of this world has the same name as another: boot, id and start in it. */
  #systemTexts(): ReadonlyMap<string, string> {
    const boot = this.#random.fork(`boot ${this.#boots}`).next().toString(16).padStart(8, '0');
    const id = 100 + this.#lives;
    const fields = Array.from({ length: 18 }, () => '0').join(' ');
    return new Map([
      ['/proc/sys/kernel/random/boot_id', `${boot}-0000-4000-8000-000000000000\n`],
      ['/proc/self/stat', `${id} (node) S ${fields} ${Math.floor(this.#loop.nowMs / 10)} 0\n`],
    ]);
  }

  #end(death: Death): void {
    const life = this.#life;
    if (life === null) throw new Error(`no process runs on ${this.name}`);
    life.note('end', death);
    this.#life = null;
    this.#env = null;
    this.#mounted.clear();
    life.die(death);
  }
}

const openPaths = Symbol.for('pamina.open-paths');

/** The engine remembers in the real process which databases are open. Those of a simulated one that is gone are not. */
function forgetPaths(mount: string): void {
  const { [openPaths]: paths } = globalThis as { [openPaths]?: Set<string> };
  for (const path of paths ?? []) if (path.startsWith(`${mount}/`)) paths?.delete(path);
}
