// The seam to the network, for one process on one host.

import type { Channel, ConnectOptions, HttpRequestOptions, Network } from '@pamina/env';
import { requestOver } from '@pamina/env';
import { PaminaError } from '@pamina/format';
import type { Incarnation } from '../incarnation.js';
import { SimulatedChannel } from './channel.js';
import type { End, Frame, Receiver } from './connection.js';
import { SimulatedListener } from './listener.js';
import type { Net } from './net.js';
import { SimulatedSocket } from './socket.js';

const timeoutMsDefault = 10_000;
const refusalBytesMax = 64 * 1024;

export function simulatedNetwork(life: Incarnation, net: Net): Network {
  const request = requestOver({
    after: (ms, task) => life.timer(ms, task),
    options: () => ({
      createConnection: (options, done) => {
        net.connect(life, `${options.host ?? ''}:${options.port ?? 80}`, (result) => {
          if ('end' in result) done(null, new SimulatedSocket(result.end, ''));
          else (done as (error: Error) => void)(new Error(result.error));
        });
        return undefined;
      },
    }),
  });
  return {
    connect: (url, options) => connect(life, net, url, options),
    request: (url, options?: HttpRequestOptions) => request(url, options),
    createHttpServer: () => new SimulatedListener(life, net),
    hostName: () => life.name,
  };
}

/** As the real one: every way in which it can fail ends in one error, within one deadline. */
async function connect(
  life: Incarnation,
  net: Net,
  url: string,
  options: ConnectOptions,
): Promise<Channel> {
  const { signal } = options;
  signal?.throwIfAborted();
  const target = parseUrl(url);
  return new Promise((resolve, reject) => {
    let end: End | null = null;
    const timeoutMs = options.timeoutMs ?? timeoutMsDefault;
    const cancelTimer = life.timer(timeoutMs, () => fail(`no answer within ${timeoutMs} ms`));
    const onAbort = (): void => giveUp(signal?.reason as Error);
    signal?.addEventListener('abort', onAbort, { once: true });

    function settle(): void {
      cancelTimer();
      stopConnecting();
      signal?.removeEventListener('abort', onAbort);
    }
    function giveUp(error: Error): void {
      settle();
      end?.end(true);
      reject(error);
    }
    function fail(why: string, context: Record<string, unknown> = {}): void {
      giveUp(connectFailed(url, why, context));
    }
    const handshake: Receiver = {
      onFrame(frame: Frame) {
        if (frame.kind === 'accepted') {
          settle();
          resolve(new SimulatedChannel(end as End, options));
        } else if (frame.kind === 'refused') {
          const { status, body } = frame;
          fail(`refused with status ${status}`, { status, body: body.slice(0, refusalBytesMax) });
        }
      },
      onBroken: (why) => fail(why),
      onRoom: () => undefined,
    };
    const stopConnecting = net.connect(life, addressOf(target), (result) => {
      if ('error' in result) {
        fail(result.error);
        return;
      }
      ({ end } = result);
      const path = `${target.pathname}${target.search}`;
      end.send({ kind: 'open', url: path, headers: { ...options.headers } });
      end.receive(handshake);
    });
  });
}

function parseUrl(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed === null || !/^wss?:$/.test(parsed.protocol)) {
    throw connectFailed(url, 'not a ws:// or wss:// address');
  }
  return parsed;
}

function addressOf(target: URL): string {
  const portOfScheme = target.protocol === 'wss:' ? '443' : '80';
  return `${target.hostname}:${target.port === '' ? portOfScheme : target.port}`;
}

function connectFailed(
  url: string,
  why: string,
  context: Record<string, unknown> = {},
): PaminaError {
  const address = url.replace(/\/\/[^/@]*@/, '//');
  return new PaminaError('CONNECT_FAILED', `cannot connect to ${address} (${why})`, {
    context: { url: address, ...context },
  });
}
