// One end of a channel of calls without a network: what the other end sends, and what comes back.

import type { Channel, CloseReason } from '@pamina/env';
import {
  callsProtocol,
  callVerb,
  type CallVerb,
  decodeCallsControl,
  encodeCallsControl,
  FrameReader,
  FrameWriter,
  isCallsControl,
  partsBudget,
  type WireItem,
} from '@pamina/wire';
import { AnswersBudget } from '../src/answers-budget.js';
import { CallFigures } from '../src/call-figures.js';
import type { CallsAccess } from '../src/calls-context.js';
import { serveCalls } from '../src/calls-connection.js';
import type { OnlineDatabase } from '../src/online-database.js';
import { env, eventually } from './workbench.js';

/** A channel whose other end is this test; it takes what is sent only while `isTaking`. */
export class HandChannel implements Channel {
  readonly received: Uint8Array[] = [];
  isTaking = true;
  isPaused = false;
  closed: CloseReason | null = null;
  isAbandoned = false;
  #held: Uint8Array[] = [];
  #buffered = 0;
  #listener: (bytes: Uint8Array) => void = () => undefined;
  #onClose: (reason: CloseReason) => void = () => undefined;
  #drained: (() => void)[] = [];

  send(bytes: Uint8Array): void {
    if (this.closed !== null) return;
    this.received.push(bytes);
    if (!this.isTaking) this.#buffered += bytes.length;
  }

  get bufferedBytes(): number {
    return this.#buffered;
  }

  drained(): Promise<void> {
    if (this.#buffered < 2 ** 20) return Promise.resolve();
    return new Promise((resolve) => this.#drained.push(resolve));
  }

  /** Less than would leave it drained. */
  take(bytes: number): void {
    this.#buffered -= bytes;
  }

  takeAll(): void {
    this.#buffered = 0;
    for (const resolve of this.#drained.splice(0)) resolve();
  }

  onMessage(listener: (bytes: Uint8Array) => void): void {
    this.#listener = listener;
  }

  onClose(listener: (reason: CloseReason) => void): void {
    this.#onClose = listener;
  }

  close(code: number, message: string): void {
    this.closed ??= { code, message };
  }

  abandon(code: number, message: string): void {
    this.closed ??= { code, message };
    this.isAbandoned = true;
    this.takeAll();
    this.#onClose(this.closed);
  }

  /** The other end goes away. */
  leave(): void {
    this.closed ??= { code: 1006, message: '' };
    this.takeAll();
    this.#onClose(this.closed);
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    while (!this.isPaused && this.#held.length > 0) this.#listener(this.#held.shift()!);
  }

  /** The other end sends. */
  deliver(bytes: Uint8Array): void {
    this.#held.push(bytes);
    if (!this.isPaused) this.resume();
  }
}

export class HandClient {
  readonly channel = new HandChannel();
  readonly served: Promise<void>;
  readonly #writer = new FrameWriter('calls');
  readonly #reader = new FrameReader('answers');
  #read = 0;
  #number = 0;
  readonly #answers = new Map<number, WireItem>();

  constructor(
    online: OnlineDatabase,
    access: CallsAccess = { requireWrite: () => undefined },
    answersBudget: AnswersBudget = new AnswersBudget(env.clock),
  ) {
    const { clock } = env;
    const shared = { budget: partsBudget(), answersBudget, figures: new CallFigures() };
    this.served = serveCalls({ access, ...shared, channel: this.channel, clock, online });
  }

  async hello(): Promise<void> {
    await this.welcomed();
    this.channel.deliver(encodeCallsControl({ type: 'hello', protocol: callsProtocol }));
  }

  /** It listens. */
  welcomed(): Promise<void> {
    return env.clock.sleep(0);
  }

  /** Not sent before `send`. */
  add(verb: CallVerb, write: (writer: FrameWriter) => void = () => undefined): number {
    this.#number++;
    this.#writer.begin(this.#number, verb);
    write(this.#writer);
    this.#writer.end();
    return this.#number;
  }

  send(): void {
    for (const message of this.#writer.take()) this.channel.deliver(message);
  }

  get(key: string): number {
    return this.add(callVerb.get, (writer) => {
      writer.u32(0);
      writer.datum(key);
    });
  }

  /** All that came until now. */
  get answers(): ReadonlyMap<number, WireItem> {
    for (const message of this.channel.received.slice(this.#read)) {
      this.#read++;
      if (isCallsControl(message)) continue;
      for (const item of this.#reader.read(message)) this.#answers.set(item.number, item);
    }
    return this.#answers;
  }

  get refusal(): string | null {
    for (const message of this.channel.received) {
      if (!isCallsControl(message)) continue;
      const said = decodeCallsControl(message);
      if (said.type === 'refuse') return said.code;
    }
    return null;
  }
}

/** Until it is so. */
export const settled = (ask: () => boolean): Promise<boolean> =>
  eventually(
    () => Promise.resolve(ask()),
    (value) => value,
  );
