// A message channel over one WebSocket. What this adds to `ws`: nothing is handed on while paused
// or before somebody listens (ws still emits what it had read), the close reason comes last and is
// the cause rather than its echo, and a silent peer is noticed.

import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { Channel, ChannelOptions, CloseReason } from '../network.js';

const drainedBytes = 1024 * 1024;
const heartbeatsMissedMax = 3;
const closeTextBytesMax = 123;
/** How long `ws` waits for the peer's goodbye. (Its types do not know this option yet.) */
export const closeOptions = { closeTimeout: 5_000 };

const causes: Record<string, number> = {
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: 1009,
  WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: 1009,
  WS_ERR_TOO_MANY_BUFFERED_PARTS: 1008,
  WS_ERR_INVALID_UTF8: 1007,
};

export class WebSocketChannel implements Channel {
  readonly #webSocket: WebSocket;
  readonly #socket: Socket;
  /** What ws had already read when it was paused: at most one read of the socket. */
  #held: Uint8Array[] = [];
  #listener: ((bytes: Uint8Array) => void) | null = null;
  #closeListener: ((reason: CloseReason) => void) | null = null;
  #waiting: (() => void)[] = [];
  #isPaused = false;
  #isHandingOn = false;
  /** Why this side ended it, if it did. */
  #cause: CloseReason | null = null;
  #closed: CloseReason | null = null;
  #isAbandoned = false;
  #isCloseTold = false;
  #heartbeat: NodeJS.Timeout | null = null;

  /** Takes over an open WebSocket, before anything else runs. */
  constructor(webSocket: WebSocket, socket: Socket, options: ChannelOptions) {
    this.#webSocket = webSocket;
    this.#socket = socket;
    webSocket.binaryType = 'nodebuffer';
    webSocket.pause();
    webSocket.on('message', (data: Buffer, isBinary: boolean) => this.#onData(data, isBinary));
    webSocket.on('error', (error) => this.#onError(error));
    webSocket.on('close', (code, message) => this.#onEnd(code, message));
    if (options.heartbeatMs !== undefined) this.#startHeartbeat(options.heartbeatMs);
  }

  send(bytes: Uint8Array): void {
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) return;
    this.#webSocket.send(bytes, { binary: true, compress: false }, () => this.#wakeWaiting());
  }

  get bufferedBytes(): number {
    return this.#closed === null && !this.#isAbandoned ? this.#webSocket.bufferedAmount : 0;
  }

  drained(): Promise<void> {
    if (this.bufferedBytes < drainedBytes) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #wakeWaiting(): void {
    if (this.#waiting.length === 0 || this.bufferedBytes >= drainedBytes) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  onMessage(listener: (bytes: Uint8Array) => void): void {
    this.#listener = listener;
    // Not at once: the caller sets its other listeners first.
    queueMicrotask(() => this.#handOn());
  }

  onClose(listener: (reason: CloseReason) => void): void {
    this.#closeListener = listener;
    queueMicrotask(() => this.#tellClose());
  }

  close(code: number, message: string): void {
    if (this.#cause === null && this.#closed === null) {
      this.#cause = { code, message: cutText(message) };
      this.#stopReceiving();
      this.#webSocket.close(code, this.#cause.message);
    }
  }

  abandon(code: number, message: string): void {
    if (this.#closed !== null || this.#isAbandoned) return;
    this.#cause ??= { code, message: cutText(message) };
    this.#isAbandoned = true;
    this.#held = [];
    this.#webSocket.terminate();
    this.#wakeWaiting();
  }

  pause(): void {
    this.#isPaused = true;
    if (this.#cause === null) this.#webSocket.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#handOn();
  }

  #onData(data: Buffer, isBinary: boolean): void {
    if (this.#cause !== null) return;
    if (!isBinary) {
      this.close(1003, 'only binary messages are understood');
      return;
    }
    this.#held.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    this.#handOn();
  }

  /** Gives the listener what is held, then reads on; either may pause it again. */
  #handOn(): void {
    if (this.#isHandingOn) return;
    this.#isHandingOn = true;
    try {
      while (this.#held.length > 0 && !this.#isPaused && this.#listener !== null) {
        // A few at most: the shift costs nothing that matters.
        this.#listener(this.#held.shift() as Uint8Array);
      }
    } finally {
      this.#isHandingOn = false;
    }
    if (this.#held.length === 0 && !this.#isPaused && this.#listener !== null) {
      if (this.#webSocket.isPaused) this.#webSocket.resume();
      this.#tellClose();
    }
  }

  #stopReceiving(): void {
    this.#held = [];
    // A paused socket would never see the peer's goodbye.
    this.#webSocket.resume();
  }

  #onError(error: Error): void {
    const { code } = error as NodeJS.ErrnoException;
    const isProtocol = code?.startsWith('WS_ERR_') ?? false;
    const number = isProtocol ? (causes[code as string] ?? 1002) : 1006;
    this.#cause ??= { code: number, message: error.message };
    // After a damaged or oversized frame ws waits for the peer's answer, which a hostile one
    // delays; its close timer ends that.
  }

  #onEnd(code: number, message: Buffer): void {
    if (this.#heartbeat !== null) clearInterval(this.#heartbeat);
    this.#closed = this.#cause ?? { code, message: message.toString('utf8') };
    this.#wakeWaiting();
    this.#tellClose();
  }

  #tellClose(): void {
    if (this.#closed === null || this.#closeListener === null || this.#isCloseTold) return;
    // Messages that are still held come first, if there is somebody to take them.
    if (this.#held.length > 0 && (this.#listener !== null || this.#isPaused)) return;
    this.#isCloseTold = true;
    this.#held = [];
    this.#closeListener(this.#closed);
  }

  #startHeartbeat(heartbeatMs: number): void {
    let missed = 0;
    let bytesRead = this.#socket.bytesRead;
    this.#heartbeat = setInterval(() => {
      const isSilent = this.#socket.bytesRead === bytesRead && !this.#webSocket.isPaused;
      bytesRead = this.#socket.bytesRead;
      missed = isSilent ? missed + 1 : 0;
      if (missed >= heartbeatsMissedMax) {
        const message = `the peer was silent for ${missed * heartbeatMs} ms`;
        this.#cause ??= { code: 1006, message };
        this.#webSocket.terminate();
      } else if (this.#webSocket.readyState === this.#webSocket.OPEN) {
        this.#webSocket.ping();
      }
    }, heartbeatMs);
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

/** Stands for a connection that was gone before it could be taken over. */
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
