// A streamed answer: lines of progress or items and one last line with the result or the error. It
// is written no faster than the client reads, and says something now and then while a task is silent.

import type { Env } from '@pamina/env';
import { PaminaError, toPaminaError } from '@pamina/format';
import { encodeLine, type ProgressStep, streamHeartbeatMs } from '@pamina/wire';
import type { FastifyReply } from 'fastify';
import { noteFailure } from './error-answer.js';

/** A task that is silent for so long gets its headers, so that the client knows that it runs. */
const headersWithinMs = 2_000;
const newline = Uint8Array.of(0x0a);

type Raw = FastifyReply['raw'];

export class LineAnswer {
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
  readonly #raw: Raw;
  readonly #clock: Env['clock'];
  readonly #controller = new AbortController();
  #cancelTimer: () => void;
  #hasBegun = false;

  constructor(raw: Raw, clock: Env['clock']) {
    this.#raw = raw;
    this.#clock = clock;
    this.signal = this.#controller.signal;
    raw.on('close', () => {
      if (raw.writableFinished) return;
      this.#controller.abort(new PaminaError('ABORTED', 'the client went away'));
    });
    this.#cancelTimer = clock.after(headersWithinMs, () => this.#heartbeat());
  }

  readonly progress = (progress: ProgressStep): void => {
    // One more or less makes no difference; a client that does not read must not make them pile up.
    if (!this.#raw.writableNeedDrain) this.#write(encodeLine({ progress }));
  };

  /** Resolves when there is room for the next one; throws when the client is gone. */
  async item(item: unknown): Promise<void> {
    this.signal.throwIfAborted();
    if (this.#write(encodeLine({ item }))) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#raw.off('drain', done);
        this.#raw.off('close', done);
        resolve();
      };
      this.#raw.on('drain', done);
      this.#raw.on('close', done);
    });
    this.signal.throwIfAborted();
  }

  end(result: unknown): void {
    this.#finish(encodeLine({ result: result ?? {} }));
  }

  /** With the error's own status if nothing was written yet. */
  fail(error: PaminaError): void {
    noteFailure(this.#raw, error);
    const line = encodeLine({ error, requestId: this.#raw.getHeader('x-request-id') });
    if (this.#hasBegun) this.#finish(line);
    else this.#finish(line, error.httpStatus, 'application/json');
  }

  #heartbeat(): void {
    if (!this.#raw.writableNeedDrain) this.#write(newline);
    this.#cancelTimer = this.#clock.after(streamHeartbeatMs, () => this.#heartbeat());
  }

  #finish(line: Uint8Array, status = 200, type = 'application/x-ndjson'): void {
    this.#cancelTimer();
    this.#begin(status, type);
    if (!this.#raw.destroyed) this.#raw.end(line);
  }

  #write(bytes: Uint8Array): boolean {
    if (this.#raw.destroyed) return true;
    this.#begin(200, 'application/x-ndjson');
    return this.#raw.write(bytes);
  }

  #begin(status: number, type: string): void {
    if (this.#hasBegun || this.#raw.destroyed) return;
    this.#hasBegun = true;
    this.#raw.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
  }
}

/** Takes the reply over and answers with what `work` says; its errors become the last line. */
export async function answerLines(
  reply: FastifyReply,
  clock: Env['clock'],
  work: (answer: LineAnswer) => Promise<unknown>,
): Promise<void> {
  reply.hijack();
  const answer = new LineAnswer(reply.raw, clock);
  try {
    answer.end(await work(answer));
  } catch (error) {
    answer.fail(toPaminaError(error));
  }
}

/** As `answerLines`, with each value of a sequence as an item. */
export function answerItems(
  reply: FastifyReply,
  clock: Env['clock'],
  open: (signal: AbortSignal) => AsyncIterable<unknown>,
): Promise<void> {
  return answerLines(reply, clock, async (answer) => {
    for await (const item of open(answer.signal)) await answer.item(item);
  });
}
