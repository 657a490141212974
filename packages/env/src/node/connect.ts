// Opening a message channel: every way in which it can fail ends in one error, within one deadline.

import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { isPaminaError, PaminaError } from '@pamina/format';
import { WebSocket } from 'ws';
import type { Channel, ConnectOptions } from '../network.js';
import { WebSocketChannel, closeOptions } from './channel.js';
import { clientTlsOptions, endedAfterHandshakeHint, tlsHint } from './tls.js';

const timeoutMsDefault = 10_000;
const refusalBytesMax = 64 * 1024;

export function connect(url: string, options: ConnectOptions): Promise<Channel> {
  return new Promise((resolve, reject) => {
    options.signal?.throwIfAborted();
    const webSocket = openWebSocket(url, options);
    let socket: Socket | null = null;
    const timeoutMs = options.timeoutMs ?? timeoutMsDefault;
    const timer = setTimeout(() => fail(`no answer within ${timeoutMs} ms`), timeoutMs);
    const onAbort = (): void => settle(() => reject(options.signal?.reason as Error));
    options.signal?.addEventListener('abort', onAbort, { once: true });

    function settle(finish: () => void, keep = false): void {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', onAbort);
      webSocket.off('error', onError);
      if (!keep) {
        // Ending an unfinished handshake is itself reported as an error, which nobody needs.
        webSocket.on('error', () => undefined);
        webSocket.terminate();
      }
      finish();
    }
    function fail(why: string, context: Record<string, unknown> = {}, cause?: unknown): void {
      settle(() => reject(connectFailed(url, why, context, cause)));
    }
    function onError(error: Error): void {
      settle(() => reject(connectionError(url, error)));
    }

    webSocket.on('error', onError);
    webSocket.on('upgrade', (response) => (socket = response.socket));
    webSocket.on('open', () => {
      // `socket` is set: 'upgrade' comes before 'open'.
      settle(() => resolve(new WebSocketChannel(webSocket, socket as Socket, options)), true);
    });
    webSocket.on('unexpected-response', (_request, response: IncomingMessage) => {
      const status = response.statusCode ?? 0;
      readText(response, (body) => fail(`refused with status ${status}`, { status, body }));
    });
  });
}

function openWebSocket(url: string, options: ConnectOptions): WebSocket {
  if (!/^wss?:\/\//i.test(url)) throw connectFailed(url, 'not a ws:// or wss:// address');
  try {
    return new WebSocket(url, {
      headers: { ...options.headers },
      maxPayload: options.messageBytesMax,
      perMessageDeflate: false,
      followRedirects: false,
      ...(isSecure(url) ? clientTlsOptions(options.tls) : {}),
      ...closeOptions,
    });
  } catch (error) {
    if (isPaminaError(error)) throw error;
    throw connectFailed(url, (error as Error).message, {}, error);
  }
}

/** The beginning of a refusal's body; a body that breaks off is told as far as it came. */
function readText(response: IncomingMessage, done: (text: string) => void): void {
  const parts: Buffer[] = [];
  let bytes = 0;
  const finish = (): void =>
    done(Buffer.concat(parts).subarray(0, refusalBytesMax).toString('utf8'));
  response.on('data', (part: Buffer) => {
    parts.push(part);
    bytes += part.length;
    if (bytes >= refusalBytesMax) finish();
  });
  response.on('end', finish);
  response.on('error', finish);
}

function isSecure(url: string): boolean {
  return /^(https|wss):/i.test(url);
}

/** What the sockets said of a connection that could not be made, or that ended before it answered. */
export function connectionError(url: string, error: Error): PaminaError {
  const why = error.message || errorName(error);
  if (!isSecure(url)) return connectFailed(url, why, {}, error);
  const hint = tlsHint(error);
  if (hint !== null) {
    const address = withoutSecrets(url);
    const message = `no trusted connection to ${address} (${why})`;
    return new PaminaError('TLS_FAILED', message, {
      cause: error,
      context: { url: address, reason: errorName(error) },
      hint,
    });
  }
  const isCut = ['ECONNRESET', 'EPIPE'].includes(errorName(error));
  if (!isCut) return connectFailed(url, why, {}, error);
  return connectFailed(url, why, { isCut }, error, endedAfterHandshakeHint);
}

/** `isCut` in the context: somebody was there and ended a connection over TLS without an answer. */
export function connectFailed(
  url: string,
  why: string,
  context: Record<string, unknown> = {},
  cause?: unknown,
  hint?: string,
): PaminaError {
  const address = withoutSecrets(url);
  return new PaminaError('CONNECT_FAILED', `cannot connect to ${address} (${why})`, {
    context: { url: address, ...context },
    ...(cause === undefined ? {} : { cause }),
    hint,
  });
}

/** Node's error for a name with several addresses has no message of its own. */
export function errorName(error: Error): string {
  const { code } = error as NodeJS.ErrnoException;
  return code ?? error.name;
}

// An address may carry a password, and errors go to logs.
function withoutSecrets(url: string): string {
  return url.replace(/\/\/[^/@]*@/, '//');
}
