// One HTTP request over node:http(s). A connection is kept for the next request only by GET and
// HEAD: a server may close an idle connection just as a request is put on it, and only those can be
// sent again without asking whether the first was carried out.

import { setMaxListeners } from 'node:events';
import * as http from 'node:http';
import * as https from 'node:https';
import { Readable } from 'node:stream';
import { PaminaError } from '@pamina/format';
import type { ClientTls, HttpRequestOptions, HttpResponse } from '../network.js';
import { nodeClock } from './clock.js';
import { connectFailed, connectionError, errorName } from './connect.js';
import { clientTlsOptions } from './tls.js';

const timeoutMsDefault = 30_000;
const headerBytesMax = 16 * 1024;
const keepAliveProbeMs = 30_000;

/** What HTTP runs on: here the machine's sockets and timers, in a simulation others. */
export interface HttpTransport {
  /** An agent, or how to make a connection; one that is kept for later only if `isRepeatable`. */
  options(isSecure: boolean, isRepeatable: boolean, tls?: ClientTls): http.RequestOptions;
  after(ms: number, task: () => void): () => void;
}

type Request = (url: string, options?: HttpRequestOptions) => Promise<HttpResponse>;

const agentOptions = { keepAlive: true, maxSockets: 256, maxFreeSockets: 16 };
const plain = {
  kept: new http.Agent(agentOptions),
  once: new http.Agent({ keepAlive: false }),
};

interface SecureAgents {
  readonly kept: https.Agent;
  readonly once: https.Agent;
}

/** One pair for each way of speaking TLS: a connection made with one certificate serves no other. */
const secured = new WeakMap<ClientTls, SecureAgents>();
const usual: ClientTls = {};

/** TLS_INVALID */
function secureAgents(tls: ClientTls = usual): SecureAgents {
  const known = secured.get(tls);
  if (known !== undefined) return known;
  const options = clientTlsOptions(tls);
  const agents = {
    kept: new https.Agent({ ...options, ...agentOptions }),
    once: new https.Agent({ ...options, keepAlive: false }),
  };
  secured.set(tls, agents);
  return agents;
}

export const request = requestOver({
  options(isSecure, isRepeatable, tls) {
    const agents = isSecure ? secureAgents(tls) : plain;
    return { agent: isRepeatable ? agents.kept : agents.once };
  },
  after: (ms, task) => nodeClock.after(ms, task),
});

export function requestOver(transport: HttpTransport): Request {
  return async (url, options = {}) => {
    const target = parseUrl(url);
    for (;;) {
      try {
        return await send(transport, target, url, options);
      } catch (error) {
        // Each try uses up one idle connection, so this ends.
        if (!(error instanceof StaleConnection)) throw error;
      }
    }
  };
}

/** A kept connection was closed by the server before it answered anything. */
class StaleConnection extends Error {}

function parseUrl(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed === null || !['http:', 'https:'].includes(parsed.protocol)) {
    throw connectFailed(url, 'not an http:// or https:// address');
  }
  return parsed;
}

function send(
  transport: HttpTransport,
  target: URL,
  url: string,
  options: HttpRequestOptions,
): Promise<HttpResponse> {
  const { signal } = options;
  const isRepeatable = ['GET', 'HEAD'].includes(options.method ?? 'GET');
  const isSecure = target.protocol === 'https:';
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const outgoing = (isSecure ? https : http).request(target, {
      method: options.method ?? 'GET',
      headers: { ...options.headers },
      ...transport.options(isSecure, isRepeatable, options.tls),
      maxHeaderSize: headerBytesMax,
    });
    const patience = new Patience(transport, options.timeoutMs ?? timeoutMsDefault, (ms) =>
      fail(connectFailed(url, `no answer within ${ms} ms`)),
    );
    const onAbort = (): void => fail(signal?.reason as Error);
    // Of however many requests at once it is: more than ten are no leak.
    if (signal !== undefined) setMaxListeners(0, signal);
    signal?.addEventListener('abort', onAbort, { once: true });

    let failure: Error | null = null;
    function fail(error: Error): void {
      failure ??= error;
      patience.end();
      signal?.removeEventListener('abort', onAbort);
      reject(error);
      outgoing.destroy();
    }

    outgoing.on('socket', (socket) => socket.setKeepAlive(true, keepAliveProbeMs));
    outgoing.on('error', (error) => {
      const isStale = outgoing.reusedSocket && errorName(error) === 'ECONNRESET';
      const repeat = isStale && options.body === undefined && isRepeatable;
      fail(repeat ? new StaleConnection() : connectionError(url, error));
    });
    outgoing.on('response', (incoming) => {
      patience.end();
      const release = (): void => signal?.removeEventListener('abort', onAbort);
      incoming.on('close', release);
      resolve(responseOf(incoming, outgoing, url, () => failure));
    });
    sendBody(outgoing, options.body, patience, fail);
  });
}

/** The wait for an answer; it rests while the caller's own body is what is waited for. */
class Patience {
  readonly #transport: HttpTransport;
  readonly #ms: number;
  readonly #onEnd: (ms: number) => void;
  #cancel: (() => void) | null = null;
  #isOver = false;

  constructor(transport: HttpTransport, ms: number, onEnd: (ms: number) => void) {
    this.#transport = transport;
    this.#ms = ms;
    this.#onEnd = onEnd;
    this.start();
  }

  start(): void {
    this.rest();
    if (this.#isOver) return;
    this.#cancel = this.#transport.after(this.#ms, () => this.#onEnd(this.#ms));
  }

  rest(): void {
    this.#cancel?.();
  }

  end(): void {
    this.rest();
    this.#isOver = true;
  }
}

function sendBody(
  outgoing: http.ClientRequest,
  body: HttpRequestOptions['body'],
  patience: Patience,
  fail: (error: Error) => void,
): void {
  if (body === undefined || body instanceof Uint8Array) {
    outgoing.end(body);
    return;
  }
  const source = Readable.from(patientParts(body, patience), { objectMode: false });
  // The source's own failure is the caller's error, as it is.
  source.on('error', fail);
  // The request may end first: refused early, aborted, or cut off. Then the source is let go.
  outgoing.on('close', () => source.destroy());
  source.pipe(outgoing);
}

async function* patientParts(
  body: AsyncIterable<Uint8Array>,
  patience: Patience,
): AsyncGenerator<Uint8Array> {
  patience.rest();
  for await (const part of body) {
    patience.start();
    yield part;
    patience.rest();
  }
  patience.start();
}

function responseOf(
  incoming: http.IncomingMessage,
  outgoing: http.ClientRequest,
  url: string,
  failure: () => Error | null,
): HttpResponse {
  const status = incoming.statusCode ?? 0;
  const cancel = (): void => {
    outgoing.destroy();
  };
  async function* stream(): AsyncGenerator<Uint8Array> {
    try {
      for await (const part of incoming as AsyncIterable<Buffer>) {
        yield new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
      }
    } catch (error) {
      throw brokenOff(error);
    } finally {
      // Also when the reader stops early: a connection with an unread body is of no use.
      if (!incoming.complete) cancel();
    }
    if (!incoming.complete) throw brokenOff(undefined);
  }
  function brokenOff(cause: unknown): Error {
    // The cause on this side, if there is one: aborted, or the body's source failed.
    return failure() ?? connectFailed(url, 'the answer broke off', { status }, cause);
  }
  async function bytes(bytesMax: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    let total = 0;
    for await (const part of stream()) {
      total += part.length;
      if (total > bytesMax) {
        const context = { url, status, bytesMax };
        throw new PaminaError(
          'RESPONSE_TOO_LARGE',
          `the answer of ${url} is larger than ${bytesMax} bytes`,
          { context },
        );
      }
      parts.push(part);
    }
    return new Uint8Array(Buffer.concat(parts));
  }
  // Errors after the caller gave the body up have no one to go to; readers get them by iteration.
  incoming.on('error', () => undefined);
  return { status, headers: headersOf(incoming), bytes, stream, cancel };
}

function headersOf(incoming: http.IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return headers;
}
