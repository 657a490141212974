// A message channel over one simulated connection, with the manners of the real one: nothing is handed
// on while paused or before somebody listens, and the reason of the end comes last.

import type { Channel, ChannelOptions, CloseReason } from '@pamina/env';
import type { End, Frame, Receiver } from './connection.js';
import { sizeOf } from './connection.js';

const drainedBytes = 1024 * 1024;
const heartbeatsMissedMax = 3;
const closeTextBytesMax = 123;
const goodbyeMs = 5_000;

export class SimulatedChannel implements Channel, Receiver {
  readonly #end: End;
  readonly #options: ChannelOptions;
  /** Told when it is over, before the owner. */
  onEnd: () => void = () => undefined;
  #held: Uint8Array[] = [];
  #listener: ((bytes: Uint8Array) => void) | null = null;
  #closeListener: ((reason: CloseReason) => void) | null = null;
  #waiting: (() => void)[] = [];
  #isPaused = false;
  #isHandingOn = false;
  /** Frames that came from the peer, and whether it asked for an answer while nothing was read. */
  #heard = 0;
  #owesPong = false;
  #cancelHeartbeat: (() => void) | null = null;
  #cancelGoodbye: (() => void) | null = null;
  /** Why this side ended it, if it did. */
  #cause: CloseReason | null = null;
  #closed: CloseReason | null = null;
  #isCloseTold = false;

  constructor(end: End, options: ChannelOptions) {
    this.#end = end;
    this.#options = options;
    if (options.heartbeatMs !== undefined) this.#beat(options.heartbeatMs, 0, 0);
    end.receive(this);
  }

  send(bytes: Uint8Array): void {
    if (this.#cause !== null || this.#closed !== null) return;
    // Copied only when it arrives: a sender that changes its bytes is found out.
    this.#end.send({ kind: 'message', bytes });
  }

  get bufferedBytes(): number {
    return this.#closed === null ? this.#end.queuedBytes : 0;
  }

  drained(): Promise<void> {
    if (this.bufferedBytes < drainedBytes) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  onMessage(listener: (bytes: Uint8Array) => void): void {
    this.#listener = listener;
    queueMicrotask(() => this.#handOn());
  }

  onClose(listener: (reason: CloseReason) => void): void {
    this.#closeListener = listener;
    queueMicrotask(() => this.#tellClose());
  }

  close(code: number, message: string): void {
    if (this.#cause !== null || this.#closed !== null) return;
    this.#cause = { code, message: cutText(message) };
    this.#sayGoodbye();
  }

  abandon(code: number, message: string): void {
    if (this.#closed !== null) return;
    this.#cause ??= { code, message: cutText(message) };
    for (const bytes of this.#held) this.#end.taken(bytes.length);
    this.#held = [];
    this.#end.dropQueue();
    this.#end.end(true);
    this.#finish(this.#cause);
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#handOn();
  }

  onRoom(): void {
    this.#wakeWaiting();
  }

  onBroken(why: string): void {
    this.#finish(this.#cause ?? { code: 1006, message: why });
  }

  onFrame(frame: Frame): void {
    this.#heard += 1;
    switch (frame.kind) {
      case 'message':
        this.#onMessageFrame(frame.bytes);
        return;
      case 'close':
        this.#onCloseFrame(frame.code, frame.message);
        return;
      case 'ping':
        if (this.#isReading) this.#end.send({ kind: 'pong' });
        else this.#owesPong = true;
        return;
      case 'data':
        this.#end.taken(sizeOf(frame));
        return;
      case 'pong':
      case 'end':
      case 'reset':
      case 'open':
      case 'accepted':
      case 'refused':
    }
  }

  get #isReading(): boolean {
    return this.#cause !== null || (!this.#isPaused && this.#listener !== null);
  }

  #onMessageFrame(bytes: Uint8Array): void {
    if (this.#cause !== null || this.#closed !== null) {
      this.#end.taken(bytes.length);
      return;
    }
    if (bytes.length > this.#options.messageBytesMax) {
      this.#end.taken(bytes.length);
      this.#cause = { code: 1009, message: 'Max payload size exceeded' };
      this.#sayGoodbye();
      return;
    }
    this.#held.push(bytes.slice());
    this.#handOn();
  }

  #onCloseFrame(code: number, message: string): void {
    if (this.#cause === null) {
      this.#end.dropQueue();
      this.#end.send({ kind: 'close', code, message });
    }
    this.#finish(this.#cause ?? { code, message });
  }

  #sayGoodbye(): void {
    const { code, message } = this.#cause as CloseReason;
    for (const bytes of this.#held) this.#end.taken(bytes.length);
    this.#held = [];
    this.#end.send({ kind: 'close', code, message });
    this.#cancelGoodbye = this.#end.life.timer(goodbyeMs, () => this.#finish(this.#cause));
  }

  #finish(reason: CloseReason | null): void {
    if (this.#closed !== null) return;
    this.#closed = reason;
    this.#cancelHeartbeat?.();
    this.#cancelGoodbye?.();
    this.#end.end(false);
    this.onEnd();
    this.#wakeWaiting();
    this.#tellClose();
  }

  #handOn(): void {
    if (this.#isHandingOn) return;
    this.#isHandingOn = true;
    try {
      while (this.#held.length > 0 && !this.#isPaused && this.#listener !== null) {
        const bytes = this.#held.shift() as Uint8Array;
        this.#end.taken(bytes.length);
        this.#listener(bytes);
      }
    } finally {
      this.#isHandingOn = false;
    }
    if (this.#held.length > 0 || this.#isPaused || this.#listener === null) return;
    if (this.#owesPong) {
      this.#owesPong = false;
      this.#end.send({ kind: 'pong' });
    }
    this.#tellClose();
  }

  #wakeWaiting(): void {
    if (this.#waiting.length === 0 || this.bufferedBytes >= drainedBytes) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  #tellClose(): void {
    if (this.#closed === null || this.#closeListener === null || this.#isCloseTold) return;
    // Messages that are still held come first, if there is somebody to take them.
    if (this.#held.length > 0 && (this.#listener !== null || this.#isPaused)) return;
    this.#isCloseTold = true;
    this.#held = [];
    this.#closeListener(this.#closed);
  }

  #beat(heartbeatMs: number, missed: number, heardBefore: number): void {
    this.#cancelHeartbeat = this.#end.life.timer(heartbeatMs, () => {
      const isSilent = this.#heard === heardBefore && this.#isReading;
      const silences = isSilent ? missed + 1 : 0;
      if (silences >= heartbeatsMissedMax) {
        const message = `the peer was silent for ${silences * heartbeatMs} ms`;
        this.#end.dropQueue();
        this.#end.end(true);
        this.#finish(this.#cause ?? { code: 1006, message });
        return;
      }
      if (this.#cause === null) this.#end.send({ kind: 'ping' });
      this.#beat(heartbeatMs, silences, this.#heard);
    });
  }
}

function cutText(text: string): string {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length <= closeTextBytesMax) return text;
  let end = closeTextBytesMax;
  // Not in the middle of a character: continuation bytes are 10xxxxxx.
  while (((bytes[end] as number) & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end);
}

/** Stands for a connection that cannot be taken over any more. */
export function closedChannel(reason: CloseReason): Channel {
  const nothing = (): void => undefined;
  return {
    abandon: nothing,
    send: nothing,
    bufferedBytes: 0,
    drained: () => Promise.resolve(),
    onMessage: nothing,
    onClose: (listener) => queueMicrotask(() => listener(reason)),
    close: nothing,
    pause: nothing,
    resume: nothing,
  };
}
