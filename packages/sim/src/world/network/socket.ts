// A byte stream over one simulated connection, enough of a net.Socket for Node's own HTTP to run on it.

import { Duplex } from 'node:stream';
import type { End, Frame, Receiver } from './connection.js';
import { sizeOf } from './connection.js';

type Done = (error?: Error | null) => void;

export class SimulatedSocket extends Duplex implements Receiver {
  readonly remoteAddress: string;
  readonly #end: End;
  /** Called when the system has taken all that was written. */
  #onTaken: Done | null = null;
  #isPeerEnded = false;
  /** Beyond what the reader wants for now: the window bounds them. */
  #untakenBytes = 0;

  constructor(end: End, remoteAddress: string) {
    super({ allowHalfOpen: true });
    this.#end = end;
    this.remoteAddress = remoteAddress;
    end.receive(this);
  }

  onFrame(frame: Frame): void {
    if (frame.kind === 'data') {
      if (!this.destroyed && this.push(frame.bytes.slice())) this.#end.taken(sizeOf(frame));
      else this.#untakenBytes += sizeOf(frame);
    } else if (frame.kind === 'end') {
      this.#isPeerEnded = true;
      this.push(null);
    }
  }

  onBroken(why: string): void {
    this.#takeDone(null);
    this.destroy(this.#isPeerEnded ? undefined : resetError(why));
  }

  onRoom(): void {
    if (this.#end.queuedBytes === 0) this.#takeDone(null);
  }

  override _read(): void {
    if (this.#untakenBytes === 0) return;
    this.#end.taken(this.#untakenBytes);
    this.#untakenBytes = 0;
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: Done): void {
    if (this.#end.isEnded) {
      done(resetError('the connection was reset'));
      return;
    }
    this.#end.send({ kind: 'data', bytes });
    if (this.#end.queuedBytes === 0) done();
    else this.#onTaken = done;
  }

  override _final(done: Done): void {
    this.#end.send({ kind: 'end' });
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const isClean = error === null && this.#isPeerEnded && this.writableFinished;
    this.#end.end(!isClean);
    this.#takeDone(error);
    done(error);
  }

  #takeDone(error: Error | null): void {
    const done = this.#onTaken;
    this.#onTaken = null;
    done?.(error);
  }

  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }

  setTimeout(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }
}

function resetError(why: string): Error {
  return Object.assign(new Error(`read ECONNRESET (${why})`), { code: 'ECONNRESET' });
}
