// The listening side: Node's own HTTP server on simulated sockets, and the handshake of channels behind
// a question to the owner.

import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import type {
  Channel,
  ChannelOptions,
  HttpListener,
  UpgradeHandler,
  UpgradeRequest,
} from '@pamina/env';
import type { Incarnation } from '../incarnation.js';
import { SimulatedChannel, closedChannel } from './channel.js';
import type { End, Frame, Receiver } from './connection.js';
import type { Net } from './net.js';
import { SimulatedSocket } from './socket.js';

const decisionTimeoutMs = 10_000;
const goodbyeMs = 1_000;

export class SimulatedListener implements HttpListener {
  readonly server: http.Server;
  readonly #life: Incarnation;
  readonly #sockets = new Set<SimulatedSocket>();
  readonly #channels = new Set<Channel>();
  #handler: UpgradeHandler | null = null;
  #closing: Promise<void> | null = null;
  #onLastSocket: (() => void) | null = null;

  constructor(life: Incarnation, net: Net) {
    this.#life = life;
    // Its own limits on time are of real time; none of them may count here.
    this.server = http.createServer({
      headersTimeout: 0,
      requestTimeout: 0,
      keepAliveTimeout: 0,
      connectionsCheckingInterval: 2 ** 31 - 1,
    });
    listenOn(this.server, life, net, (end, address) => this.#accept(end, address));
  }

  onUpgrade(handler: UpgradeHandler): void {
    this.#handler = handler;
  }

  setTls(): void {
    throw new TypeError('there is no TLS in the simulated network');
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
    for (const channel of this.#channels) channel.close(1001, 'the server is closing');
    this.server.closeIdleConnections();
    const cancel = this.#life.timer(goodbyeMs, () => {
      for (const socket of this.#sockets) socket.destroy();
    });
    await new Promise<void>((resolve) => {
      this.#onLastSocket = resolve;
      this.#noteSockets();
    });
    cancel();
  }

  #noteSockets(): void {
    if (this.#sockets.size === 0) this.#onLastSocket?.();
  }

  /** The first frame tells what is spoken on this connection. */
  #accept(end: End, remoteAddress: string): void {
    const first: Receiver = {
      onFrame: (frame) => {
        if (frame.kind === 'open') this.#upgrade(end, remoteAddress, frame);
        else if (frame.kind === 'data') this.#serve(end, remoteAddress, frame);
      },
      onBroken: () => undefined,
      onRoom: () => undefined,
    };
    end.receive(first);
  }

  #serve(end: End, remoteAddress: string, frame: Frame): void {
    if (this.#closing !== null) {
      end.end(true);
      return;
    }
    const socket = new SimulatedSocket(end, remoteAddress);
    this.#sockets.add(socket);
    socket.on('close', () => {
      this.#sockets.delete(socket);
      this.#noteSockets();
    });
    this.server.emit('connection', socket);
    socket.onFrame(frame);
  }

  #upgrade(end: End, remoteAddress: string, frame: Frame & { readonly kind: 'open' }): void {
    const refuse = (status: number, body: string): void => {
      end.send({ kind: 'refused', status, body });
    };
    const handler = this.#handler;
    if (handler === null) {
      refuse(404, 'there is no channel here');
      return;
    }
    let isDecided = false;
    const decide = <T>(then: () => T): T | null => {
      if (isDecided) return null;
      isDecided = true;
      cancel();
      return then();
    };
    const cancel = this.#life.timer(decisionTimeoutMs, () => {
      decide(() => refuse(503, 'no decision in time'));
    });
    const accept = (options: ChannelOptions): Channel =>
      decide(() => this.#open(end, options)) ??
      closedChannel({ code: 1006, message: 'this handshake was already answered' });
    try {
      handler(requestOf(frame, remoteAddress), accept, (status, message) => {
        decide(() => refuse(status, message));
      });
    } catch (error) {
      decide(() => refuse(500, 'the handshake failed'));
      throw error;
    }
  }

  #open(end: End, options: ChannelOptions): Channel {
    if (end.isEnded) return closedChannel({ code: 1006, message: 'the connection ended early' });
    end.send({ kind: 'accepted' });
    const channel = new SimulatedChannel(end, options);
    this.#channels.add(channel);
    channel.onEnd = () => this.#channels.delete(channel);
    if (this.#closing !== null) channel.close(1001, 'the server is closing');
    return channel;
  }
}

function requestOf(
  frame: Frame & { readonly kind: 'open' },
  remoteAddress: string,
): UpgradeRequest {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(frame.headers)) headers[name.toLowerCase()] = value;
  return { url: frame.url, headers, remoteAddress };
}

/** Puts the simulated network in the place of the system's under a server. */
function listenOn(
  server: http.Server,
  life: Incarnation,
  net: Net,
  accept: (end: End, remoteAddress: string) => void,
): void {
  let bound: { port: number; stop: () => void } | null = null;
  const listen = (...given: unknown[]): http.Server => {
    const done = given.find((item) => typeof item === 'function') as (() => void) | undefined;
    if (done !== undefined) server.once('listening', done);
    life.later(0, () => {
      try {
        bound = net.listen(life, portOf(given), accept);
        server.emit('listening');
        stopOwnTimer(server);
      } catch (error) {
        server.emit('error', error);
      }
    });
    return server;
  };
  const close = (done?: (error?: Error) => void): http.Server => {
    bound?.stop();
    bound = null;
    // Ends the connections that wait for a next request, and Node's own timer.
    return http.Server.prototype.close.call(server, () => done?.()) as http.Server;
  };
  const address = (): AddressInfo | null =>
    bound === null ? null : { address: '127.0.0.1', family: 'IPv4', port: bound.port };
  Object.assign(server, { listen, close, address });
  Object.defineProperty(server, 'listening', { get: () => bound !== null });
}

/** It looks after real time, and would hold the server of a process that is gone, and its whole world with it. */
function stopOwnTimer(server: http.Server): void {
  for (const symbol of Object.getOwnPropertySymbols(server)) {
    if (symbol.description?.endsWith('connectionsCheckingInterval') !== true) continue;
    clearInterval((server as unknown as Record<symbol, NodeJS.Timeout>)[symbol]);
  }
}

function portOf(given: readonly unknown[]): number {
  const [first] = given;
  if (typeof first === 'number') return first;
  if (typeof first === 'object' && first !== null && 'port' in first) return Number(first.port);
  return 0;
}
