// The seam to other processes: message channels (WebSocket) and HTTP. Every size and every wait is
// bounded here, since what comes in is from outside.

import type { Server } from 'node:http';

export interface Network {
  /**
   * Opens a message channel to a ws:// or wss:// address. CONNECT_FAILED when unreachable, not
   * answered in time, or refused; a refusal has `status` and `body` (text, at most 64 KiB) in its
   * context, a redirect is one. TLS_FAILED when there is somebody else than who was asked for, or no
   * TLS. `signal.reason` when aborted; once connected the signal has no effect any more.
   */
  connect(url: string, options: ConnectOptions): Promise<Channel>;
  /**
   * One HTTP request; resolves at the response's headers, whatever its status: no redirect is
   * followed. CONNECT_FAILED, TLS_FAILED.
   */
  request(url: string, options?: HttpRequestOptions): Promise<HttpResponse>;
  /** TLS_INVALID */
  createHttpServer(options?: HttpServerOptions): HttpListener;
  /** What other machines of this network call this one. */
  hostName(): string;
}

/**
 * How https:// and wss:// addresses are spoken to; PEM. One object is one way: what was made for it
 * (connections, sessions) is kept with it, so it is made once and not changed. The certificate of the
 * other side is always verified, and that it is for the host of the address.
 */
export interface ClientTls {
  /** Who is trusted, and nobody else; by default those whom Node trusts. */
  readonly ca?: Uint8Array | undefined;
  /** Shown to servers that ask for one; with its key. */
  readonly cert?: Uint8Array | undefined;
  readonly key?: Uint8Array | undefined;
  /** Whose certificate it must be, where the address is not that host's usual one. */
  readonly serverName?: string | undefined;
}

/** TLS 1.2 or later; PEM. */
export interface ServerTls {
  /** The server's, then those between it and its root. */
  readonly cert: Uint8Array;
  readonly key: Uint8Array;
  /** Mutual TLS: only who shows a certificate that these signed gets any further. */
  readonly clientCa?: Uint8Array | undefined;
}

/** What a stranger may take. Each ends or refuses that connection alone. */
export interface ListenerLimits {
  readonly headerBytesMax: number;
  readonly headersMax: number;
  /** From the connection, or the end of the request before, to the end of the headers. */
  readonly headersTimeoutMs: number;
  /** A whole request with its body. */
  readonly requestTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly connectionsMax: number;
  /** Of one IPv4 address, or of one /64 of IPv6, which one machine can have whole. */
  readonly connectionsPerAddressMax: number;
  /** TLS; and apart from it what the owner takes to answer a WebSocket handshake. */
  readonly handshakeTimeoutMs: number;
  /** A body must bring so many bytes in each window, unless it is this side that does not read. */
  readonly bodyWindowMs: number;
  readonly bodyBytesMin: number;
  /** An answer of which nothing was taken for so long; over TLS, not all that was written at once. */
  readonly unreadAnswerMs: number;
  /** What still comes of a body that was answered already is read for about so long. */
  readonly refusedBodyMs: number;
}

export interface HttpServerOptions {
  /** https:// and wss:// and nothing else. */
  readonly tls?: ServerTls | undefined;
  readonly limits?: Partial<ListenerLimits> | undefined;
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
  readonly tls?: ClientTls | undefined;
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
  /**
   * Ends at once, without a goodbye, also where one got stuck: for a peer that takes nothing. What it has not
   * taken is let go of. Code and text are told to the listener of this side alone.
   */
  abandon(code: number, message: string): void;
  /** No message is handed on, and nothing more is read from the connection, until `resume`. */
  pause(): void;
  resume(): void;
}

export interface HttpRequestOptions {
  readonly method?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: Uint8Array | AsyncIterable<Uint8Array> | undefined;
  readonly tls?: ClientTls | undefined;
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
   * New connections get this certificate; those that are there go on. With a `clientCa` if there was
   * one, else without. TLS_INVALID, and nothing is changed.
   */
  setTls(tls: ServerTls): void;
  /**
   * Stops listening, closes the channels with 1001, and within about a second ends every connection.
   * A framework on the server is closed after this: it would wait for the channels.
   */
  close(): Promise<void>;
}
