// The listening side: one http.Server with limits on everything that a stranger decides, and the
// WebSocket handshake behind a question to the owner.

import * as http from 'node:http';
import * as https from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type {
  Channel,
  ChannelOptions,
  HttpListener,
  HttpServerOptions,
  ListenerLimits,
  ServerTls,
  UpgradeHandler,
  UpgradeRequest,
} from '../network.js';
import { WebSocketChannel, closeOptions, closedChannel } from './channel.js';
import { ConnectionGuard } from './connection-guard.js';
import { listenerLimits } from './listener-limits.js';
import { serverTlsOptions } from './tls.js';

const checkingIntervalMs = 5_000;
const refusalTimeoutMs = 5_000;
const goodbyeMs = 1_000;

export class NodeHttpListener implements HttpListener {
  readonly server: http.Server;
  readonly #secure: https.Server | null;
  readonly #isMutual: boolean;
  readonly #limits: ListenerLimits;
  readonly #sockets = new Set<Socket>();
  readonly #channels = new Set<Channel>();
  #handler: UpgradeHandler | null = null;
  #closing: Promise<void> | null = null;
  #onLastSocket: (() => void) | null = null;

  constructor({ limits, tls }: HttpServerOptions = {}) {
    this.#limits = { ...listenerLimits, ...limits };
    this.#secure = tls === undefined ? null : secureServer(tls, this.#limits);
    this.#isMutual = tls?.clientCa !== undefined;
    this.server = this.#secure ?? http.createServer(serverOptions(this.#limits));
    this.server.maxHeadersCount = this.#limits.headersMax;
    this.server.maxConnections = this.#limits.connectionsMax;
    this.server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        this.#noteSockets();
      });
    });
    new ConnectionGuard(this.#limits).watch(this.server);
    this.server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
  }

  setTls(tls: ServerTls): void {
    if (this.#secure === null) throw new TypeError('this listener was made without TLS');
    if ((tls.clientCa !== undefined) !== this.#isMutual) {
      throw new TypeError('whether clients show a certificate is said when the listener is made');
    }
    this.#secure.setSecureContext(serverTlsOptions(tls));
  }

  onUpgrade(handler: UpgradeHandler): void {
    this.#handler = handler;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    // Node calls back with an error when it is not listening (any more), which is as closed as can
    // be; then its connections are still to be waited for.
    const stopped = new Promise<void>((resolve) => this.server.close(() => resolve()));
    for (const channel of this.#channels) channel.close(1001, 'the server is closing');
    this.server.closeIdleConnections();
    const timer = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, goodbyeMs);
    await stopped;
    await new Promise<void>((resolve) => {
      this.#onLastSocket = resolve;
      this.#noteSockets();
    });
    clearTimeout(timer);
  }

  #noteSockets(): void {
    if (this.#sockets.size === 0) this.#onLastSocket?.();
  }

  #upgrade(request: http.IncomingMessage, socket: Duplex, head: Buffer): void {
    // Node took its own error listener away; a reset here must not end the process.
    socket.on('error', () => socket.destroy());
    const refuse = (status: number, message: string): void =>
      refuseUpgrade(socket, status, message);
    const handler = this.#handler;
    const fault = handshakeFault(request);
    if (handler === null || fault !== null) {
      refuse(handler === null ? 404 : 400, fault ?? 'there is no channel here');
      return;
    }
    let isDecided = false;
    const timer = setTimeout(
      () => decide(() => refuse(503, 'no decision in time')),
      this.#limits.handshakeTimeoutMs,
    );
    // A stranger who left needs no decision, and the timer must not hold up the process.
    socket.once('close', () => clearTimeout(timer));
    const decide = <T>(then: () => T): T | null => {
      clearTimeout(timer);
      if (isDecided) return null;
      isDecided = true;
      return then();
    };
    const accept = (options: ChannelOptions): Channel =>
      decide(() => this.#accept(request, socket, head, options)) ??
      closedChannel({ code: 1006, message: 'this handshake was already answered' });
    try {
      handler(upgradeRequestOf(request), accept, (status, message) => {
        decide(() => refuse(status, message));
      });
    } catch (error) {
      decide(() => refuse(500, 'the handshake failed'));
      throw error;
    }
  }

  #accept(
    request: http.IncomingMessage,
    socket: Duplex,
    head: Buffer,
    options: ChannelOptions,
  ): Channel {
    let channel: Channel | null = null;
    const upgrader = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: options.messageBytesMax,
      ...closeOptions,
    });
    upgrader.handleUpgrade(request, socket, head, (webSocket) => {
      const opened = new WebSocketChannel(webSocket, socket as Socket, options);
      channel = opened;
      this.#channels.add(opened);
      webSocket.on('close', () => this.#channels.delete(opened));
      if (this.#closing !== null) opened.close(1001, 'the server is closing');
    });
    return channel ?? closedChannel({ code: 1006, message: 'the connection ended early' });
  }
}

function serverOptions(limits: ListenerLimits): http.ServerOptions {
  return {
    maxHeaderSize: limits.headerBytesMax,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: Math.min(checkingIntervalMs, limits.headersTimeoutMs),
    noDelay: true,
  };
}

function secureServer(tls: ServerTls, limits: ListenerLimits): https.Server {
  return https.createServer({
    ...serverOptions(limits),
    ...serverTlsOptions(tls),
    handshakeTimeout: limits.handshakeTimeoutMs,
    requestCert: tls.clientCa !== undefined,
    rejectUnauthorized: true,
  });
}

/** What ws would refuse later, said before anybody is asked. */
function handshakeFault(request: http.IncomingMessage): string | null {
  if (request.method !== 'GET') return 'a handshake is a GET request';
  if (request.headers.upgrade?.toLowerCase() !== 'websocket') return 'only websocket is understood';
  const key = request.headers['sec-websocket-key'];
  if (key === undefined || !/^[+/0-9A-Za-z]{22}==$/.test(key))
    return 'Sec-WebSocket-Key is invalid';
  if (request.headers['sec-websocket-version'] !== '13') return 'Sec-WebSocket-Version must be 13';
  return null;
}

function refuseUpgrade(socket: Duplex, status: number, message: string): void {
  const body = Buffer.from(message, 'utf8');
  const phrase = http.STATUS_CODES[status] ?? 'Refused';
  const type = /^[[{]/.test(message) ? 'application/json' : 'text/plain; charset=utf-8';
  // Whoever does not read the refusal is not waited for.
  (socket as Socket).setTimeout(refusalTimeoutMs, () => socket.destroy());
  socket.once('finish', () => socket.destroy());
  socket.write(
    `HTTP/1.1 ${status} ${phrase}\r\nConnection: close\r\nContent-Type: ${type}\r\n` +
      `Content-Length: ${body.length}\r\n\r\n`,
  );
  socket.end(body);
}

function upgradeRequestOf(request: http.IncomingMessage): UpgradeRequest {
  const headers: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  const remoteAddress = request.socket.remoteAddress ?? '';
  return { url: request.url ?? '/', headers, remoteAddress };
}
