// An answer of server-sent events. A client that does not read is told so in its last event and cut off: it holds no
// more memory than what is on its way to it.

import type { Env } from '@pamina/env';
import { PaminaError } from '@pamina/format';
import { streamHeartbeatMs } from '@pamina/wire';
import type { FastifyReply } from 'fastify';

/** So long a client may take nothing. */
const silenceMsMax = 10_000;
/** So long it may take to get the last event. */
const goodbyeMs = 5_000;
/** A browser connects again so soon. */
const retryMs = 2_000;

export interface StreamEvent {
  readonly event: string;
  readonly data: unknown;
  readonly id?: string | undefined;
}

export interface StreamLimits {
  readonly silenceMsMax: number;
  readonly goodbyeMs: number;
}

export class EventStream {
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
  readonly #raw: FastifyReply['raw'];
  readonly #clock: Env['clock'];
  readonly #limits: StreamLimits;
  readonly #gone = new AbortController();
  #cancelHeartbeat: () => void = () => undefined;

  constructor(
    raw: FastifyReply['raw'],
    clock: Env['clock'],
    limits: StreamLimits = { silenceMsMax, goodbyeMs },
  ) {
    this.#raw = raw;
    this.#clock = clock;
    this.#limits = limits;
    this.signal = this.#gone.signal;
    raw.once('close', () => {
      this.#cancelHeartbeat();
      this.#gone.abort(new PaminaError('ABORTED', 'the client went away'));
    });
    raw.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      // Proxies that gather answers would keep the events back.
      'x-accel-buffering': 'no',
    });
    raw.write(`retry: ${retryMs}\n\n`);
    this.#beat();
  }

  /** Resolves when there is room for the next one. BACKLOG_FULL when the client takes nothing. */
  async send(event: StreamEvent): Promise<void> {
    this.signal.throwIfAborted();
    if (this.#raw.write(textOf(event))) return;
    const isTaken = await this.#drained();
    this.signal.throwIfAborted();
    if (!isTaken) throw new PaminaError('BACKLOG_FULL', 'the client does not read its events');
  }

  /** With a last event that says why. */
  end(reason: string, message: string): void {
    this.#cancelHeartbeat();
    if (this.#raw.destroyed) return;
    this.#raw.end(textOf({ event: 'end', data: { reason, message } }));
    const cancel = this.#clock.after(this.#limits.goodbyeMs, () => this.#raw.destroy());
    this.#raw.once('close', cancel);
  }

  #beat(): void {
    if (this.#raw.destroyed) return;
    // A client that does not read needs no more to be read.
    if (!this.#raw.writableNeedDrain) this.#raw.write(':\n\n');
    this.#cancelHeartbeat = this.#clock.after(streamHeartbeatMs, () => this.#beat());
  }

  #drained(): Promise<boolean> {
    return new Promise((resolve) => {
      const done = (isTaken: boolean): void => {
        cancel();
        this.#raw.off('drain', onDrain);
        this.#raw.off('close', onDrain);
        resolve(isTaken);
      };
      const onDrain = (): void => done(true);
      const cancel = this.#clock.after(this.#limits.silenceMsMax, () => done(false));
      this.#raw.on('drain', onDrain);
      this.#raw.on('close', onDrain);
    });
  }
}

/** The encoding has no line break in it, so that one line is enough. */
function textOf({ data, event, id }: StreamEvent): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
