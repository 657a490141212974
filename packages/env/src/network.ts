// The seam to other processes: message channels (WebSocket) and HTTP. Every size and every wait is
// bounded here, since what comes in is from outside.

import type { Server } from 'node:http';

export interface Network {
  /**
   * Opens a message channel to a ws:// or wss:// address. CONNECT_FAILED when unreachable, not
   * answered in time, or refused; a refusal has `status` and `body` (text, at most 64 KiB) in its
   * context. `signal.reason` when aborted; once connected the signal has no effect any more.
   */
  connect(url: string, options: ConnectOptions): Promise<Channel>;
  /** One HTTP request; resolves at the response's headers, whatever its status. CONNECT_FAILED. */
  request(url: string, options?: HttpRequestOptions): Promise<HttpResponse>;
  createHttpServer(): HttpListener;
  /** What other machines of this network call this one. */
  hostName(): string;
}

export interface ChannelOptions {
  /** A larger message from the peer closes the channel with code 1009. */
  readonly messageBytesMax: number;
  /**
   * Pings the peer this often and closes with 1006 after three intervals in which not one byte came
   * from it. Given on both sides, or a side that pauses for long looks silent to the other; while
   * this side is paused it judges nobody.
   */
  readonly heartbeatMs?: number | undefined;
}

export interface ConnectOptions extends ChannelOptions {
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Until the channel is open; 10 s if not given. */
  readonly timeoutMs?: number | undefined;
}

/** `code` is a WebSocket close code; 1006 when the connection ended without one. */
export interface CloseReason {
  readonly code: number;
  readonly message: string;
}

/** Binary messages, whole and in order, in both directions. */
export interface Channel {
  /** Queues one message; the bytes must not be changed afterwards. Dropped once closed. */
  send(bytes: Uint8Array): void;
  /** Bytes queued here that the operating system has not taken yet: the sender's to bound. */
  readonly bufferedBytes: number;
  /** Resolves when `bufferedBytes` is under 1 MiB, or the channel is closed. */
  drained(): Promise<void>;
  /** One listener. It owns the bytes. What came before it was set is kept, the socket paused. */
  onMessage(listener: (bytes: Uint8Array) => void): void;
  /**
   * One listener, called exactly once, also if it is set late; after the last message, unless
   * nobody ever listens for messages.
   */
  onClose(listener: (reason: CloseReason) => void): void;
  /**
   * Says goodbye with a code (1000 to 1014 as WebSocket has them, or 3000 to 4999) and a text that
   * is cut to 123 bytes. From then on no message is handed on, and the connection ends within
   * seconds whether the peer answers or not.
   */
  close(code: number, message: string): void;
  /** No message is handed on, and nothing more is read from the connection, until `resume`. */
  pause(): void;
  resume(): void;
}

export interface HttpRequestOptions {
  readonly method?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: Uint8Array | AsyncIterable<Uint8Array> | undefined;
  /** Ends the request, and the reading of the response, with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
  /** Until the response's headers; 30 s if not given. */
  readonly timeoutMs?: number | undefined;
}

/** The body is read once: by `bytes`, by `stream`, or given up by `cancel`; one of them must be called. */
export interface HttpResponse {
  readonly status: number;
  /** Names in lower case; repeated ones joined by a comma. */
  readonly headers: Readonly<Record<string, string>>;
  /** The whole body; RESPONSE_TOO_LARGE beyond `bytesMax`, CONNECT_FAILED if it was cut off. */
  bytes(bytesMax: number): Promise<Uint8Array>;
  /** The body as it comes, read no faster than it is taken. CONNECT_FAILED if it was cut off. */
  stream(): AsyncIterable<Uint8Array>;
  cancel(): void;
}

export interface UpgradeRequest {
  /** Path and query as they came. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly remoteAddress: string;
}

export type UpgradeHandler = (
  request: UpgradeRequest,
  accept: (options: ChannelOptions) => Channel,
  refuse: (status: number, message: string) => void,
) => void;

export interface HttpListener {
  /** Not listening yet; takes its request handler from whoever uses it (fastify's `serverFactory`). */
  readonly server: Server;
  /**
   * Asked for each WebSocket handshake; calls either `accept` or `refuse`, at once or within 10 s,
   * and must not throw. A refusal whose message is JSON is sent as such.
   * Without a handler each is refused with 404.
   */
  onUpgrade(handler: UpgradeHandler): void;
  /**
   * Stops listening, closes the channels with 1001, and within about a second ends every connection.
   * A framework on the server is closed after this: it would wait for the channels.
   */
  close(): Promise<void>;
}
