// One simulated world: hosts with disks and clocks and a network between them, all moved by one seed.
// No real time and no real I/O in it, so that a run is the same in every event, every time.

import { EventLoop } from './event-loop.js';
import type { RunEnd } from './event-loop.js';
import { Host } from './host.js';
import { compressAtOnce } from './immediate-zlib.js';
import { Net } from './network/net.js';
import { Prng } from './prng.js';
import { Trace } from './trace.js';
import type { TraceEntry } from './trace.js';

export interface WorldOptions {
  readonly seed: string | number;
  /** Hears of every event, for whoever looks into one run. */
  readonly onEvent?: ((entry: TraceEntry) => void) | undefined;
}

export class World {
  readonly seed: string;
  /** For the caller's own choices: take a fork. */
  readonly random: Prng;
  readonly trace: Trace;
  readonly network: Net;
  readonly #loop = new EventLoop();
  readonly #hosts = new Map<string, Host>();

  constructor(options: WorldOptions) {
    this.seed = String(options.seed);
    this.random = new Prng(this.seed);
    this.network = new Net(this.#loop, this.random.fork('network'));
    this.trace = new Trace(options.onEvent ?? null);
  }

  /** Milliseconds since the world began: true time, which no host knows. */
  get nowMs(): number {
    return this.#loop.nowMs;
  }

  /** The machine of this name, made and started where there was none. */
  host(name: string): Host {
    const known = this.#hosts.get(name);
    if (known !== undefined) return known;
    const host = new Host(
      name,
      this.#loop,
      this.network,
      this.trace,
      this.random.fork(`host ${name}`),
    );
    this.#hosts.set(name, host);
    return host;
  }

  /** A machine that nobody else has: of this name, or of one made from it. */
  newHost(wanted: string): Host {
    let name = wanted;
    for (let number = 2; this.#hosts.has(name); number += 1) name = `${wanted}-${number}`;
    return this.host(name);
  }

  /** Runs `task` after `ms` of true time, on no host: a fault of a scenario, for example. */
  at(ms: number, task: () => void): void {
    this.#loop.schedule(this.#loop.nowMs + ms, 1, task);
  }

  /**
   * Lets time go on until the condition holds, which is asked between events, or `limitMs` have
   * passed, or nothing is left that could happen. What is thrown inside an event is thrown here.
   */
  run(until: () => boolean, limitMs = Infinity): Promise<RunEnd> {
    return this.#loop.run(until, this.#loop.nowMs + limitMs);
  }

  /** Lets this much time pass. */
  async settle(ms: number): Promise<void> {
    await this.#loop.run(() => false, this.#loop.nowMs + ms);
  }

  /** Lets time go on until the promise is settled, and gives what it gives. */
  async finish<T>(promise: Promise<T>, limitMs = 3_600_000): Promise<T> {
    let isSettled = false;
    const settled = promise.then(
      () => (isSettled = true),
      () => (isSettled = true),
    );
    const end = await this.run(() => isSettled, limitMs);
    if (end !== 'done') {
      throw new Error(
        end === 'still'
          ? 'nothing is left that could settle what is waited for'
          : `still waiting after ${limitMs} simulated milliseconds`,
      );
    }
    await settled;
    return promise;
  }
}

let isCompressingAtOnce = false;

export function createWorld(options: WorldOptions): World {
  if (!isCompressingAtOnce) compressAtOnce();
  isCompressingAtOnce = true;
  return new World(options);
}
