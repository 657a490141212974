// The network of the world: which host listens where, and every connection between them.

import type { EventLoop } from '../event-loop.js';
import type { Incarnation } from '../incarnation.js';
import type { Prng } from '../prng.js';
import { Connection } from './connection.js';
import type { End, Surroundings } from './connection.js';
import { Links } from './links.js';

/** What a listener does with a connection that was made to its port. */
export type Acceptor = (end: End, remoteAddress: string) => void;

interface Listening {
  readonly life: Incarnation;
  readonly accept: Acceptor;
}

export type ConnectResult = { readonly end: End } | { readonly error: string };

const loopback = new Set(['127.0.0.1', 'localhost', '::1']);

export class Net {
  readonly links: Links;
  readonly #random: Prng;
  readonly #world: Surroundings;
  readonly #powered = new Map<string, boolean>();
  readonly #addresses = new Map<string, string>();
  /** By `host:port`. */
  readonly #listening = new Map<string, Listening>();
  #ports = 0;

  constructor(loop: EventLoop, random: Prng) {
    this.#random = random;
    this.links = new Links(random);
    this.#world = {
      loop,
      links: this.links,
      random,
      ends: new Set<End>(),
      hasPower: (host) => this.#powered.get(host) === true,
    };
    this.links.onHeal(() => this.#retryAll());
  }

  /** A host goes on or off. */
  setPower(host: string, isOn: boolean): void {
    this.#powered.set(host, isOn);
    if (!this.#addresses.has(host)) this.#addresses.set(host, `10.0.0.${this.#addresses.size + 1}`);
    if (isOn) this.#retryAll();
  }

  /** Returns how to stop. Port 0 takes a free one. EADDRINUSE is an error thrown. */
  listen(life: Incarnation, port: number, accept: Acceptor): { port: number; stop: () => void } {
    const taken = port === 0 ? 40_000 + (this.#ports += 1) : port;
    const key = `${life.name}:${taken}`;
    if (this.#listening.get(key)?.life.isAlive === true) {
      throw Object.assign(new Error(`listen EADDRINUSE: address already in use :::${taken}`), {
        code: 'EADDRINUSE',
      });
    }
    const listening = { life, accept };
    this.#listening.set(key, listening);
    const stop = (): void => {
      if (this.#listening.get(key) === listening) this.#listening.delete(key);
    };
    life.onDeath(stop);
    return { port: taken, stop };
  }

  /**
   * Calls back when the connection stands or is refused, in the process that asked; not at all
   * while nothing answers. Returns how to give up.
   */
  connect(life: Incarnation, address: string, done: (result: ConnectResult) => void): () => void {
    const { loop } = this.#world;
    const [name, port] = splitAddress(address);
    const host = this.#hostOf(life, name);
    let isOver = false;
    const answer = (result: ConnectResult): void => {
      if (isOver && 'end' in result) result.end.end(true);
      if (isOver || !life.isAlive) return;
      isOver = true;
      done(result);
    };
    if (host === null) {
      life.later(1, () => answer({ error: `getaddrinfo ENOTFOUND ${name}` }));
    } else {
      const attempt = (): void => {
        if (isOver || !life.isAlive) return;
        this.#tryOnce(life, host, port, answer);
        // What is lost is tried again, as a SYN is.
        loop.schedule(loop.nowMs + 1_000, this.#random.next(), attempt);
      };
      attempt();
    }
    return () => {
      isOver = true;
    };
  }

  /** Every connection between two hosts ends: both sides hear of a reset. */
  reset(a: string, b: string): void {
    for (const end of this.#endsBetween(a, b)) end.reset();
  }

  /**
   * Half-open: on the connections that there are between two hosts nothing arrives any more, in
   * either direction, and neither side hears of it. New ones work.
   */
  forget(a: string, b: string): void {
    for (const end of this.#endsBetween(a, b)) end.lose();
  }

  #endsBetween(a: string, b: string): End[] {
    return [...this.#world.ends].filter(
      ({ life, peerName }) =>
        (life.name === a && peerName === b) || (life.name === b && peerName === a),
    );
  }

  #tryOnce(
    life: Incarnation,
    host: string,
    port: string,
    answer: (result: ConnectResult) => void,
  ): void {
    const { loop, links } = this.#world;
    const [there, back] = [links.delayMs(life.name, host), links.delayMs(host, life.name)];
    loop.schedule(loop.nowMs + there, this.#random.next(), () => {
      if (links.isBlocked(life.name, host) || this.#powered.get(host) !== true) return;
      const listening = this.#listening.get(`${host}:${port}`);
      const isThere = listening?.life.isAlive === true;
      const connection = isThere ? new Connection(this.#world, life, listening.life) : null;
      if (isThere && connection !== null) {
        const address = this.#addresses.get(life.name) ?? '0.0.0.0';
        listening.accept(connection.far, life.name === host ? '127.0.0.1' : address);
      }
      loop.schedule(loop.nowMs + back, this.#random.next(), () => {
        if (links.isBlocked(host, life.name) || !life.isAlive) return;
        if (connection === null) answer({ error: `connect ECONNREFUSED ${host}:${port}` });
        else answer({ end: connection.near });
      });
    });
  }

  #hostOf(life: Incarnation, name: string): string | null {
    if (loopback.has(name)) return life.name;
    if (this.#powered.has(name)) return name;
    for (const [host, address] of this.#addresses) if (address === name) return host;
    return null;
  }

  #retryAll(): void {
    for (const end of [...this.#world.ends]) end.retry();
  }
}

function splitAddress(address: string): [string, string] {
  const at = address.lastIndexOf(':');
  const [name, port] = at < 0 ? [address, '80'] : [address.slice(0, at), address.slice(at + 1)];
  return [name.replace(/^\[|\]$/g, ''), port];
}
