// Calls of the HTTP administration from any program: requests out, validated answers in, errors
// rebuilt. Takes its transport as an argument, so that it runs on env's network and in a browser.

import { PaminaError } from '@pamina/format';
import type { Static, TSchema } from 'typebox';
import { Value } from 'typebox/value';
import type { Progress, ProgressStep } from './administration.js';
import { progressAnswer } from './http-answers.js';
import { answerBytesMax, apiPrefix, valueBodyBytesMax, streamSilenceMsMax } from './http-limits.js';
import { requireFewParts } from './json-text.js';
import { parseLines } from './ndjson.js';

/** The part of env's network that is needed here. */
export interface HttpTransport {
  request(
    url: string,
    options?: {
      method?: string | undefined;
      headers?: Readonly<Record<string, string>> | undefined;
      body?: Uint8Array | AsyncIterable<Uint8Array> | undefined;
      signal?: AbortSignal | undefined;
      timeoutMs?: number | undefined;
    },
  ): Promise<HttpTransportResponse>;
}

export interface HttpTransportResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  bytes(bytesMax: number): Promise<Uint8Array>;
  stream(): AsyncIterable<Uint8Array>;
  cancel(): void;
}

/** The part of env's clock that is needed here. */
export interface HttpTimer {
  after(ms: number, task: () => void): () => void;
}

export interface HttpCallerOptions {
  /** `http://host:port` */
  readonly address: string;
  readonly network: HttpTransport;
  readonly clock: HttpTimer;
  readonly token?: string | undefined;
  /** Until an answer begins; 30 s if not given. */
  readonly timeoutMs?: number | undefined;
}

export interface HttpCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below the prefix; parts encoded by `path`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>> | undefined;
  readonly body?: unknown;
  /** Instead of `body`: lines of JSON, sent as they come. */
  readonly lines?: AsyncIterable<Uint8Array> | undefined;
  /** Of a download: from this byte on, so many. */
  readonly range?: ByteRange | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** Puts names into a path: path`/databases/${name}` */
export function path(parts: TemplateStringsArray, ...names: string[]): string {
  return parts.reduce((text, part, at) => text + encodeURIComponent(names[at - 1] ?? '') + part);
}

const encoder = new TextEncoder();

export class HttpCaller {
  readonly address: string;
  readonly #options: HttpCallerOptions;

  constructor(options: HttpCallerOptions) {
    this.#options = options;
    this.address = options.address.replace(/\/+$/, '');
  }

  /** One request, one JSON answer. */
  async call<T extends TSchema>(request: HttpCall, answer: T): Promise<Static<T>> {
    const response = await this.#send(request, request.signal);
    return checked(
      answer,
      parseJson(await response.bytes(answerBytesMax), this.address),
      this.address,
    );
  }

  /** A task that takes time: progress as it comes, then its result. */
  async task<T extends TSchema>(
    request: HttpCall,
    answer: T,
    progress?: Progress,
  ): Promise<Static<T>> {
    const stream = this.#answerLines(request);
    for await (const line of stream) {
      if ('progress' in line)
        progress?.(checked(progressAnswer, line['progress'], this.address) as ProgressStep);
      if ('result' in line) return checked(answer, line['result'], this.address);
    }
    throw cutOff(this.address);
  }

  /** A list without bound, item by item. An answer that was cut off ends with an error. */
  async *items<T extends TSchema>(request: HttpCall, item: T): AsyncIterable<Static<T>> {
    for await (const line of this.#answerLines(request)) {
      if ('item' in line) yield checked(item, line['item'], this.address);
      if ('result' in line) return;
    }
    throw cutOff(this.address);
  }

  /** Raw bytes, at most `bytesMax` of them (RESPONSE_TOO_LARGE). */
  async *download(request: HttpCall, bytesMax: number): AsyncIterable<Uint8Array> {
    const watchdog = new Watchdog(this.#options.clock, request.signal, this.address);
    try {
      const response = await this.#send(request, watchdog.signal);
      const chunks = watchdog.watch(response.stream());
      let bytes = 0;
      for await (const chunk of rangeOf(chunks, response, request.range)) {
        bytes += chunk.length;
        if (bytes > bytesMax) {
          throw new PaminaError(
            'RESPONSE_TOO_LARGE',
            `${this.address}${request.path} is larger than ${bytesMax} bytes`,
          );
        }
        yield chunk;
      }
    } finally {
      watchdog.stop();
    }
  }

  async *#answerLines(request: HttpCall): AsyncIterable<Record<string, unknown>> {
    const watchdog = new Watchdog(this.#options.clock, request.signal, this.address);
    try {
      const response = await this.#send(request, watchdog.signal);
      for await (const line of parseLines(watchdog.watch(response.stream()), valueBodyBytesMax)) {
        if (typeof line !== 'object' || line === null)
          throw unexpected(this.address, 'a line is no object');
        if ('error' in line) throw PaminaError.fromJSON(line.error);
        yield line as Record<string, unknown>;
      }
    } finally {
      watchdog.stop();
    }
  }

  async #send(request: HttpCall, signal: AbortSignal | undefined): Promise<HttpTransportResponse> {
    const headers: Record<string, string> = { accept: 'application/json, application/x-ndjson' };
    if (this.#options.token !== undefined)
      headers['authorization'] = `Bearer ${this.#options.token}`;
    const { range } = request;
    if (range !== undefined) headers['range'] = rangeText(range);
    let body: Uint8Array | AsyncIterable<Uint8Array> | undefined;
    if (request.lines !== undefined) {
      headers['content-type'] = 'application/x-ndjson';
      body = request.lines;
    } else if (request.body !== undefined) {
      headers['content-type'] = 'application/json';
      body = encoder.encode(JSON.stringify(request.body));
    }
    const response = await this.#options.network.request(this.#url(request), {
      method: request.method,
      headers,
      body,
      signal,
      timeoutMs: this.#options.timeoutMs,
    });
    if (response.status === 200) return response;
    if (response.status === 206 && range !== undefined)
      return partOf(response, range, this.address);
    throw await refusal(response, this.address);
  }

  #url(request: HttpCall): string {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(request.query ?? {})) {
      if (value !== undefined) query.set(name, String(value));
    }
    const search = query.size === 0 ? '' : `?${query.toString()}`;
    return `${this.address}${apiPrefix}${request.path}${search}`;
  }
}

/** Ends a stream whose peer fell silent, which TCP alone may not notice for hours. */
class Watchdog {
  readonly signal: AbortSignal;
  readonly #clock: HttpTimer;
  readonly #address: string;
  readonly #controller = new AbortController();
  #cancel: () => void = () => undefined;

  constructor(clock: HttpTimer, signal: AbortSignal | undefined, address: string) {
    this.#clock = clock;
    this.#address = address;
    this.signal =
      signal === undefined
        ? this.#controller.signal
        : AbortSignal.any([signal, this.#controller.signal]);
  }

  /** Counts only the wait for the peer, not what the taker of the chunks does meanwhile. */
  async *watch(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    this.#arm();
    for await (const chunk of chunks) {
      this.stop();
      yield chunk;
      this.#arm();
    }
  }

  stop(): void {
    this.#cancel();
  }

  #arm(): void {
    this.#cancel = this.#clock.after(streamSilenceMsMax, () => {
      const message = `${this.#address} sent nothing for ${streamSilenceMsMax / 1000} s`;
      this.#controller.abort(new PaminaError('CONNECT_FAILED', message));
    });
  }
}

function rangeText({ length, offset }: ByteRange): string {
  return `bytes=${offset}-${offset + length - 1}`;
}

/** It must begin where it was asked to. */
function partOf(
  response: HttpTransportResponse,
  { offset }: ByteRange,
  address: string,
): HttpTransportResponse {
  const begin = /^bytes ([0-9]{1,15})-/.exec(response.headers['content-range'] ?? '')?.[1];
  if (begin !== undefined && Number(begin) === offset) return response;
  response.cancel();
  throw unexpected(address, 'it sends another part than the one that was asked for');
}

/** A server that knows no ranges sends everything: then the front is passed over. */
async function* rangeOf(
  chunks: AsyncIterable<Uint8Array>,
  response: HttpTransportResponse,
  range: ByteRange | undefined,
): AsyncIterable<Uint8Array> {
  let skip = response.status === 206 ? 0 : (range?.offset ?? 0);
  let left = range?.length ?? Infinity;
  for await (const chunk of chunks) {
    const part = chunk.subarray(skip, skip + left);
    skip -= Math.min(skip, chunk.length);
    left -= part.length;
    if (part.length > 0) yield part;
    if (left === 0) return;
  }
}

async function refusal(response: HttpTransportResponse, address: string): Promise<PaminaError> {
  const bytes = await response.bytes(answerBytesMax);
  const answer = parseJson(bytes, `${address} (status ${response.status})`);
  if (typeof answer === 'object' && answer !== null && 'error' in answer) {
    return PaminaError.fromJSON(answer.error);
  }
  return unexpected(address, `status ${response.status} without an error`);
}

function parseJson(bytes: Uint8Array, address: string): unknown {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    requireFewParts(text, 'MESSAGE_INVALID');
    return JSON.parse(text);
  } catch (cause) {
    throw unexpected(address, 'the answer is not JSON', cause);
  }
}

function checked<T extends TSchema>(schema: T, value: unknown, address: string): Static<T> {
  if (Value.Check(schema, value)) return value;
  const [first] = Value.Errors(schema, value);
  throw unexpected(address, `${first?.instancePath || 'the answer'} ${first?.message ?? ''}`);
}

function cutOff(address: string): PaminaError {
  return new PaminaError('CONNECT_FAILED', `the answer of ${address} ends before its result`);
}

function unexpected(address: string, what: string, cause?: unknown): PaminaError {
  return new PaminaError(
    'MESSAGE_INVALID',
    `${address} does not answer like a Pamina server of this version: ${what}`,
    { cause },
  );
}
