// What connections cost is bounded here: how many there are of each address, bodies that trickle,
// answers that nobody reads. Each ends that connection alone (P13, P14).

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { isIPv6, type Socket } from 'node:net';
import type { ListenerLimits } from '../network.js';

const sweepMsMax = 5_000;

/** The last request of a connection. */
interface Current {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Of the present window of its body. */
  windowStart: number;
  windowBytes: number;
  answeredAt: number | null;
}

export class ConnectionGuard {
  readonly #limits: ListenerLimits;
  readonly #connections = new Map<string, number>();
  readonly #current = new Map<Socket, Current>();
  #sweeping: NodeJS.Timeout | null = null;

  constructor(limits: ListenerLimits) {
    this.#limits = limits;
  }

  /** From its first connection on, until it is closed. */
  watch(server: Server): void {
    server.on('connection', (socket) => this.#count(socket));
    server.on('request', (request, response) => this.#note(request, response));
    server.timeout = this.#limits.unreadAnswerMs;
    server.on('timeout', (socket) => this.#onIdle(socket));
    server.on('close', () => this.#rest());
  }

  #count(socket: Socket): void {
    const source = addressGroup(socket.remoteAddress ?? '');
    const count = (this.#connections.get(source) ?? 0) + 1;
    this.#connections.set(source, count);
    socket.once('close', () => {
      const left = (this.#connections.get(source) ?? 1) - 1;
      if (left === 0) this.#connections.delete(source);
      else this.#connections.set(source, left);
    });
    if (count > this.#limits.connectionsPerAddressMax) socket.destroy();
  }

  #note(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    if (!this.#current.has(socket)) socket.once('close', () => this.#current.delete(socket));
    const windowBytes = socket.bytesRead;
    const windowStart = performance.now();
    this.#current.set(socket, { request, response, windowStart, windowBytes, answeredAt: null });
    this.#sweeping ??= this.#sweep();
  }

  /** Nothing went in either direction for as long as was set: `unreadAnswerMs`, or between requests less. */
  #onIdle(socket: Socket): void {
    const current = this.#current.get(socket);
    const isIdle = current === undefined || current.response.writableFinished;
    // Waiting for this server's work is no fault of the client.
    if (isIdle || socket.writableLength > 0) socket.destroy();
    else socket.setTimeout(this.#limits.unreadAnswerMs);
  }

  #sweep(): NodeJS.Timeout {
    const { bodyWindowMs, refusedBodyMs } = this.#limits;
    const every = Math.max(5, Math.min(sweepMsMax, bodyWindowMs / 2, refusedBodyMs / 2));
    return setInterval(() => {
      const now = performance.now();
      for (const [socket, current] of this.#current) this.#judge(socket, current, now);
    }, every).unref();
  }

  #judge(socket: Socket, current: Current, now: number): void {
    const { request, response } = current;
    if (request.complete) return;
    const { bodyBytesMin, bodyWindowMs, refusedBodyMs } = this.#limits;
    if (response.writableFinished) {
      // Whoever still sends is let see the answer first, which a reset would take from him.
      current.answeredAt ??= now;
      if (now - current.answeredAt >= refusedBodyMs) socket.destroy();
      return;
    }
    const bytes = socket.bytesRead - current.windowBytes;
    // What lies here unread is this side's delay.
    const isFine = bytes >= bodyBytesMin || request.readableLength > 0;
    if (isFine) {
      current.windowStart = now;
      current.windowBytes = socket.bytesRead;
    } else if (now - current.windowStart >= bodyWindowMs) this.#endTrickle(socket, response);
  }

  #endTrickle(socket: Socket, response: ServerResponse): void {
    if (response.headersSent) socket.destroy();
    else
      socket.end('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n', () =>
        socket.destroy(),
      );
  }

  #rest(): void {
    if (this.#sweeping !== null) clearInterval(this.#sweeping);
    this.#sweeping = null;
  }
}

/** Whom a connection counts for: an IPv4 address in any spelling, or the /64 of an IPv6 one. */
export function addressGroup(address: string): string {
  const mapped = /^::ffff:([0-9.]+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(address)) return address;
  const [front = '', back] = address.replace(/%.*$/, '').split('::');
  const head = front === '' ? [] : front.split(':');
  const tail = back === undefined || back === '' ? [] : back.split(':');
  const zeros = back === undefined ? 0 : Math.max(0, 8 - head.length - tail.length);
  const groups = [...head, ...Array<string>(zeros).fill('0'), ...tail];
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, '').toLowerCase())
    .join(':')}::`;
}
