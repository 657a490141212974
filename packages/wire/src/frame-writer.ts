// Gathers calls, or answers, into messages: written once, straight into the bytes that are sent.

import {
  callBytesMax,
  callPartBytesMax,
  callsPerMessageMax,
  OperationType,
  PaminaError,
  viewOf,
  writeUint64,
} from '@pamina/format';
import {
  answersHeaderBytes,
  callsHeaderBytes,
  callsKind,
  flagMore,
  itemHeaderBytes,
} from './calls-format.js';

/** A message is closed once it has so much. */
const messageBytesTarget = 256 * 1024;
/** What grew for one large call is let go of. */
const keptBytes = 2 * messageBytesTarget;
const firstBytes = 4096;
/** Memory for so much costs more than to fill it. */
const handedOverBytes = 128 * 1024;
const itemsPerMessage = callsPerMessageMax / 2;
const encoder = new TextEncoder();

/** Bytes, or text that becomes UTF-8. */
export type WireDatum = string | Uint8Array;

export interface WriterOperation {
  readonly type: 'put' | 'del';
  readonly key: WireDatum;
  readonly value?: WireDatum;
}

export interface AnswersPlace {
  readonly timeline: number;
  /** Every read from here on sees at least this. */
  readonly atLeast: number;
  /** No read until now has seen more. */
  readonly atMost: number;
}

export class FrameWriter {
  readonly #kind: number;
  readonly #headerBytes: number;
  #bytes = new Uint8Array(firstBytes);
  #view = viewOf(this.#bytes);
  #at: number;
  #itemAt = 0;
  #items = 0;
  #closed: Uint8Array[] = [];
  #closedBytes = 0;

  constructor(kind: 'calls' | 'answers') {
    this.#kind = callsKind[kind];
    this.#headerBytes = kind === 'calls' ? callsHeaderBytes : answersHeaderBytes;
    this.#at = this.#headerBytes;
  }

  /** Written and not taken yet. */
  get bytes(): number {
    return this.#closedBytes + this.#at - this.#headerBytes;
  }

  get isEmpty(): boolean {
    return this.bytes === 0;
  }

  begin(number: number, code: number, options: Uint8Array | null = null): void {
    const optionBytes = options === null ? 0 : options.length;
    this.#makeRoom(itemHeaderBytes + optionBytes);
    const at = this.#at;
    this.#itemAt = at;
    this.#view.setUint32(at + 4, number, true);
    this.#bytes[at + 8] = code;
    this.#bytes[at + 9] = 0;
    this.#view.setUint16(at + 10, optionBytes, true);
    this.#at = at + itemHeaderBytes;
    if (options !== null) this.datum(options);
  }

  u8(value: number): void {
    this.#makeRoom(1);
    this.#bytes[this.#at++] = value;
  }

  u32(value: number): void {
    this.#makeRoom(4);
    this.#view.setUint32(this.#at, value, true);
    this.#at += 4;
  }

  datum(datum: WireDatum): void {
    if (typeof datum === 'string') {
      this.#makeRoom(3 * datum.length);
      this.#at += encoder.encodeInto(datum, this.#bytes.subarray(this.#at)).written;
    } else {
      this.#makeRoom(datum.length);
      this.#bytes.set(datum, this.#at);
      this.#at += datum.length;
    }
  }

  /** Behind its length. */
  sized(datum: WireDatum): void {
    const lengthAt = this.#at;
    this.u32(0);
    this.datum(datum);
    this.#view.setUint32(lengthAt, this.#at - lengthAt - 4, true);
  }

  /** Null is a delete. */
  operation(key: WireDatum, value: WireDatum | null): void {
    this.u8(value === null ? OperationType.delete : OperationType.put);
    const lengthsAt = this.#at;
    this.u32(0);
    if (value !== null) this.u32(0);
    const keyAt = this.#at;
    this.datum(key);
    const valueAt = this.#at;
    this.#view.setUint32(lengthsAt, valueAt - keyAt, true);
    if (value === null) return;
    this.datum(value);
    this.#view.setUint32(lengthsAt + 4, this.#at - valueAt, true);
  }

  /** The body of a commit. */
  operations(operations: readonly WriterOperation[]): void {
    this.u32(operations.length);
    for (const { key, type, value } of operations) {
      this.operation(key, type === 'put' ? (value ?? '') : null);
    }
  }

  /** Nothing of what began is sent. */
  drop(): void {
    this.#at = this.#itemAt;
  }

  /** False where it is too large: then nothing of it is sent. */
  end(): boolean {
    const bodyBytes = this.#at - this.#itemAt - itemHeaderBytes;
    if (bodyBytes > callBytesMax) {
      this.#at = this.#itemAt;
      this.#letGo();
      return false;
    }
    if (bodyBytes > callPartBytesMax) {
      this.#cut(bodyBytes);
      return true;
    }
    this.#view.setUint32(this.#itemAt, bodyBytes, true);
    this.#items++;
    if (this.#at >= messageBytesTarget || this.#items >= itemsPerMessage) this.#close();
    return true;
  }

  /** The messages; of answers each says where the place is. */
  take(place?: AnswersPlace): Uint8Array[] {
    this.#close();
    const messages = this.#closed;
    this.#closed = [];
    this.#closedBytes = 0;
    if (place !== undefined) {
      for (const message of messages) {
        const view = viewOf(message);
        view.setUint32(4, place.timeline, true);
        writeUint64(view, 8, place.atLeast);
        writeUint64(view, 16, place.atMost);
      }
    }
    return messages;
  }

  /** Each part in a message of its own, behind what was written before. */
  #cut(bodyBytes: number): void {
    const item = this.#bytes.slice(this.#itemAt, this.#at);
    this.#at = this.#itemAt;
    this.#close();
    const body = item.subarray(itemHeaderBytes);
    for (let at = 0; at < bodyBytes; at += callPartBytesMax) {
      const part = body.subarray(at, at + callPartBytesMax);
      const message = new Uint8Array(this.#headerBytes + itemHeaderBytes + part.length);
      const view = viewOf(message);
      message[0] = this.#kind;
      message.set(item.subarray(0, itemHeaderBytes), this.#headerBytes);
      view.setUint32(this.#headerBytes, part.length, true);
      if (at + part.length < bodyBytes) message[this.#headerBytes + 9] = flagMore;
      message.set(part, this.#headerBytes + itemHeaderBytes);
      this.#keep(message);
    }
    this.#letGo();
  }

  #close(): void {
    if (this.#at === this.#headerBytes) return;
    const message = this.#taken();
    message.fill(0, 0, this.#headerBytes);
    message[0] = this.#kind;
    this.#keep(message);
    this.#at = this.#headerBytes;
    this.#items = 0;
  }

  /** What was written; a large part of it is not copied, and the writer goes on with other bytes. */
  #taken(): Uint8Array {
    const bytes = this.#bytes;
    if (this.#at < handedOverBytes || this.#at < bytes.length / 2) return bytes.slice(0, this.#at);
    this.#bytes = new Uint8Array(firstBytes);
    this.#view = viewOf(this.#bytes);
    return bytes.subarray(0, this.#at);
  }

  #keep(message: Uint8Array): void {
    this.#closed.push(message);
    this.#closedBytes += message.length;
  }

  #letGo(): void {
    if (this.#bytes.length > keptBytes && this.#at <= keptBytes) {
      const kept = new Uint8Array(keptBytes);
      kept.set(this.#bytes.subarray(0, this.#at));
      this.#bytes = kept;
      this.#view = viewOf(kept);
    }
  }

  #makeRoom(bytes: number): void {
    const needed = this.#at + bytes;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
    grown.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = grown;
    this.#view = viewOf(grown);
  }
}

export function requireFits(isWritten: boolean, what: string): void {
  if (isWritten) return;
  throw new PaminaError('COMMIT_TOO_LARGE', `${what} has more than ${callBytesMax} bytes`);
}
