// One TCP connection: frames in order in both directions while both ends live, bounded by what the
// receiver has taken. It ends with a goodbye, with a reset, or without anybody hearing of it.

import type { EventLoop } from '../event-loop.js';
import type { Incarnation, Death } from '../incarnation.js';
import type { Prng } from '../prng.js';
import type { Links } from './links.js';

export type Frame =
  | { readonly kind: 'message' | 'data'; readonly bytes: Uint8Array }
  | { readonly kind: 'close'; readonly code: number; readonly message: string }
  /** The handshake of a channel: asked, and answered. */
  | {
      readonly kind: 'open';
      readonly url: string;
      readonly headers: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'accepted' }
  | { readonly kind: 'refused'; readonly status: number; readonly body: string }
  | { readonly kind: 'ping' | 'pong' | 'end' | 'reset' };

/** Who reads the one end. */
export interface Receiver {
  /** In order. Of messages and data `taken` is to be called with their size once they are used. */
  onFrame(frame: Frame): void;
  /** The connection is gone without a goodbye. */
  onBroken(why: string): void;
  /** The system has taken something of what was queued. */
  onRoom(): void;
}

/** What sockets of both sides buffer together. */
const windowBytes = 512 * 1024;

export interface Surroundings {
  readonly loop: EventLoop;
  readonly links: Links;
  readonly random: Prng;
  /** Of living processes, to be told when a way is free again. */
  readonly ends: Set<End>;
  /** Whether a system runs on the host, that could refuse. */
  hasPower(host: string): boolean;
}

export class Connection {
  readonly near: End;
  readonly far: End;

  /** From the one who connects to the one who accepts. */
  constructor(surroundings: Surroundings, near: Incarnation, far: Incarnation) {
    this.near = new End(surroundings, near);
    this.far = new End(surroundings, far);
    this.near.join(this.far);
    this.far.join(this.near);
  }
}

export class End {
  readonly life: Incarnation;
  readonly #world: Surroundings;
  readonly #tie: number;
  readonly #forgetDeath: () => void;
  #peer!: End;
  #receiver: Receiver | null = null;
  /** Came before anybody read. */
  #early: Frame[] = [];
  #queue: Frame[] = [];
  #queuedBytes = 0;
  /** On the way, or at the peer and not yet used there. */
  #unusedBytes = 0;
  /** Numbers of what this end has sent, and of what it awaits. */
  #sent = 0;
  #awaited = 1;
  #lastArrivalMs = 0;
  /** What could not be delivered to the peer for now, in order. */
  #stuck: { readonly frame: Frame; readonly number: number }[] = [];
  #isEnded = false;
  /** Ended by a fault: what it had sent may never arrive. */
  #isBroken = false;
  #isLost = false;
  /** Why it broke, before anybody read. */
  #brokenWhy: string | null = null;

  constructor(world: Surroundings, life: Incarnation) {
    this.#world = world;
    this.life = life;
    this.#tie = world.random.next();
    this.#forgetDeath = life.onDeath((death) => this.#onDeath(death));
    world.ends.add(this);
  }

  join(peer: End): void {
    this.#peer = peer;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** From now on; what came before comes first, at once. */
  receive(receiver: Receiver): void {
    this.#receiver = receiver;
    const early = this.#early;
    this.#early = [];
    for (const frame of early) receiver.onFrame(frame);
    if (this.#brokenWhy !== null) receiver.onBroken(this.#brokenWhy);
  }

  send(frame: Frame): void {
    if (this.#isEnded) return;
    this.#queue.push(frame);
    this.#queuedBytes += sizeOf(frame);
    this.#flush();
  }

  /** The reader has used this much of what came. */
  taken(bytes: number): void {
    const peer = this.#peer;
    peer.#unusedBytes -= bytes;
    if (peer.#queue.length === 0) return;
    // The peer hears of it by an acknowledgement.
    this.#later(this.life.name, peer.life.name, () => peer.#hearRoom());
  }

  /** Forgets what is queued, for a goodbye that is not to wait for it. */
  dropQueue(): void {
    this.#queue = [];
    this.#queuedBytes = 0;
  }

  /** Nothing goes in or out any more; with `reset` the peer is told. */
  end(reset: boolean): void {
    if (this.#isEnded) return;
    if (reset) {
      this.#queue.push({ kind: 'reset' });
      this.#unusedBytes = 0;
      this.#flush();
    }
    this.#isEnded = true;
    this.#forgetDeath();
    this.#forgetIfDone();
  }

  /** Breaks, as if the way had sent a reset. */
  reset(): void {
    this.#break('the connection was reset');
  }

  /** Nothing that this end sends arrives any more, and nobody hears of that. */
  lose(): void {
    this.#isLost = true;
  }

  /** Who has the other end. */
  get peerName(): string {
    return this.#peer.life.name;
  }

  /** Tries again what could not be delivered, and hears what it may have missed. */
  retry(): void {
    const stuck = this.#stuck;
    this.#stuck = [];
    for (const { frame, number } of stuck) this.#transmit(frame, number);
    this.#forgetIfDone();
    if (this.#queue.length > 0) {
      this.#later(this.#peer.life.name, this.life.name, () => this.#hearRoom());
    }
  }

  /** An end that is over stays as long as it still has a goodbye to deliver. */
  #forgetIfDone(): void {
    if (this.#isEnded && this.#stuck.length === 0) this.#world.ends.delete(this);
  }

  #flush(): void {
    while (this.#queue.length > 0) {
      const frame = this.#queue[0] as Frame;
      const size = sizeOf(frame);
      if (size > 0 && this.#unusedBytes > 0 && this.#unusedBytes + size > windowBytes) return;
      this.#queue.shift();
      this.#queuedBytes -= size;
      this.#unusedBytes += size;
      this.#sent += 1;
      this.#transmit(frame, this.#sent);
    }
  }

  #hearRoom(): void {
    if (this.#isEnded || !this.life.isAlive) return;
    this.#flush();
    this.#receiver?.onRoom();
  }

  #transmit(frame: Frame, number: number): void {
    const { links, loop } = this.#world;
    const [from, to] = [this.life.name, this.#peer.life.name];
    const arrivalMs = Math.max(this.#lastArrivalMs, loop.nowMs + links.delayMs(from, to));
    this.#lastArrivalMs = arrivalMs;
    loop.schedule(arrivalMs, this.#tie, () => this.#arrive(frame, number));
    if (links.isDoubled(from, to)) {
      const againMs = arrivalMs + links.delayMs(from, to);
      loop.schedule(againMs, this.#tie, () => this.#arrive(frame, number));
    }
  }

  #arrive(frame: Frame, number: number): void {
    const { links } = this.#world;
    const peer = this.#peer;
    const [from, to] = [this.life.name, peer.life.name];
    // A second copy of what was delivered.
    if (number < peer.#awaited) return;
    const isAway = this.#isLost || links.isBlocked(from, to) || !this.#world.hasPower(to);
    // Behind a reset nothing is missed any more.
    const isMissing = number > peer.#awaited && !(frame.kind === 'reset' && this.#isBroken);
    if (isAway || this.#stuck.length > 0 || isMissing) {
      this.#hold(frame, number, isAway);
      return;
    }
    peer.#awaited = number + 1;
    if (!peer.life.isAlive || peer.#isEnded) {
      this.#refused(frame);
      return;
    }
    peer.#deliver(frame);
  }

  #deliver(frame: Frame): void {
    this.life.note(`frame ${frame.kind}`, sizeOf(frame));
    if (frame.kind === 'message') this.life.trace.noteBytes(frame.bytes);
    if (frame.kind === 'reset') this.#break('the connection was reset');
    else if (this.#receiver === null) this.#early.push(frame);
    else this.#receiver.onFrame(frame);
  }

  /** Nobody is there for it: what is lost is lost, and the sender hears of it from the peer's system. */
  #refused(frame: Frame): void {
    this.#unusedBytes -= sizeOf(frame);
    const peer = this.#peer;
    // A goodbye that crosses another needs no answer.
    const isGoodbye = frame.kind === 'reset' || frame.kind === 'end' || frame.kind === 'close';
    if (this.#isEnded || (isGoodbye && peer.life.isAlive)) return;
    peer.#sent += 1;
    peer.#transmit({ kind: 'reset' }, peer.#sent);
  }

  #hold(frame: Frame, number: number, isAway: boolean): void {
    if (this.#stuck.some((held) => held.number === number)) return;
    this.#stuck.push({ frame, number });
    this.#stuck.sort((a, b) => a.number - b.number);
    this.#world.ends.add(this);
    if (!isAway || this.#stuck.length > 1) return;
    const { loop, random } = this.#world;
    const first = number;
    loop.schedule(loop.nowMs + random.between(10_000, 60_000), this.#tie, () => {
      if (this.#stuck[0]?.number === first) this.#break('the connection timed out');
    });
  }

  #break(why: string): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#isBroken = true;
    this.#stuck = [];
    this.#forgetIfDone();
    this.dropQueue();
    if (!this.life.isAlive) return;
    this.#forgetDeath();
    if (this.#receiver === null) this.#brokenWhy = why;
    else this.#receiver.onBroken(why);
  }

  #later(from: string, to: string, task: () => void): void {
    const { loop, links } = this.#world;
    loop.schedule(loop.nowMs + links.delayMs(from, to), this.#tie, () => {
      if (!this.#isLost && !links.isBlocked(from, to)) task();
    });
  }

  /** The system of a killed process says goodbye for it; a power cut says nothing. */
  #onDeath(death: Death): void {
    this.dropQueue();
    if (death === 'kill') this.end(true);
    else this.#isEnded = true;
    this.#forgetIfDone();
  }
}

export function sizeOf(frame: Frame): number {
  return frame.kind === 'message' || frame.kind === 'data' ? frame.bytes.length : 0;
}
