// Takes messages of calls, or answers, apart. Nothing in them is used before its length was checked.

import {
  callBytesMax,
  callPartBytesMax,
  callsPerMessageMax,
  PaminaError,
  readUint64,
  viewOf,
} from '@pamina/format';
import {
  answersHeaderBytes,
  callsHeaderBytes,
  callsKind,
  flagMore,
  itemHeaderBytes,
} from './calls-format.js';
import type { AnswersPlace } from './frame-writer.js';

/** A call, or an answer, whole. The bytes are a view of its message unless it came in parts. */
export interface WireItem {
  readonly number: number;
  /** A verb, or how it went. */
  readonly code: number;
  readonly options: Uint8Array | null;
  readonly body: Uint8Array;
}

/** All who have parts lying share a bound. */
export interface PartsBudget {
  /** BACKLOG_FULL */
  take(bytes: number): void;
  give(bytes: number): void;
}

interface Partial {
  readonly code: number;
  readonly optionBytes: number;
  readonly parts: Uint8Array[];
  bytes: number;
}

export class FrameReader {
  readonly #kind: 'calls' | 'answers';
  readonly #budget: PartsBudget | null;
  readonly #partial = new Map<number, Partial>();

  constructor(kind: 'calls' | 'answers', budget: PartsBudget | null = null) {
    this.#kind = kind;
    this.#budget = budget;
  }

  /** Parts are here of what is not whole yet. */
  get isAmidParts(): boolean {
    return this.#partial.size > 0;
  }

  /** MESSAGE_INVALID, BACKLOG_FULL. */
  read(message: Uint8Array): WireItem[] {
    if (message[0] !== callsKind[this.#kind]) throw invalid('its kind');
    const view = viewOf(message);
    const items: WireItem[] = [];
    let at = this.#kind === 'calls' ? callsHeaderBytes : answersHeaderBytes;
    if (message.length <= at) throw invalid('its length');
    for (let count = 0; at < message.length; count++) {
      if (count === callsPerMessageMax) throw invalid(`more than ${callsPerMessageMax} parts`);
      if (message.length - at < itemHeaderBytes) throw invalid('its length');
      const bytes = view.getUint32(at, true);
      const start = at + itemHeaderBytes;
      const end = start + bytes;
      if (bytes > callPartBytesMax || end > message.length) throw invalid('a length');
      const number = view.getUint32(at + 4, true);
      const optionBytes = view.getUint16(at + 10, true);
      const item = this.#item(
        { number, code: message[at + 8] as number, flags: message[at + 9] as number, optionBytes },
        message.subarray(start, end),
      );
      if (item !== null) items.push(item);
      at = end;
    }
    return items;
  }

  /** Nothing more comes: what is there in parts is let go of. */
  close(): void {
    for (const { bytes } of this.#partial.values()) this.#budget?.give(bytes);
    this.#partial.clear();
  }

  #item(
    header: { number: number; code: number; flags: number; optionBytes: number },
    part: Uint8Array,
  ): WireItem | null {
    const { code, flags, number, optionBytes } = header;
    if (flags > flagMore) throw invalid('its flags');
    const before = this.#partial.get(number);
    if (before === undefined) {
      // The parts of a call follow each other, so that nobody has many of them lying.
      if (this.#kind === 'calls' && this.#partial.size > 0) throw invalid('the order of its parts');
      if (flags === 0) return itemOf(number, code, optionBytes, part);
    }
    const partial = before ?? { code, optionBytes, parts: [], bytes: 0 };
    const isSame = partial.code === code && partial.optionBytes === optionBytes;
    if (!isSame || part.length === 0) throw invalid('a part');
    if (partial.bytes + part.length > callBytesMax) throw invalid('more than a call may have');
    this.#budget?.take(part.length);
    partial.parts.push(part);
    partial.bytes += part.length;
    this.#partial.set(number, partial);
    if (flags === flagMore) return null;
    this.#partial.delete(number);
    this.#budget?.give(partial.bytes);
    return itemOf(number, code, optionBytes, joined(partial));
  }
}

export function readPlace(message: Uint8Array): AnswersPlace {
  if (message.length < answersHeaderBytes) throw invalid('its length');
  const view = viewOf(message);
  const atLeast = readUint64(view, 8);
  const atMost = readUint64(view, 16);
  if (!Number.isSafeInteger(atLeast) || !Number.isSafeInteger(atMost)) throw invalid('a position');
  return { timeline: view.getUint32(4, true), atLeast, atMost };
}

function itemOf(number: number, code: number, optionBytes: number, bytes: Uint8Array): WireItem {
  if (optionBytes === 0) return { number, code, options: null, body: bytes };
  if (optionBytes > bytes.length) throw invalid('its options');
  return {
    number,
    code,
    options: bytes.subarray(0, optionBytes),
    body: bytes.subarray(optionBytes),
  };
}

function joined({ bytes, parts }: Partial): Uint8Array {
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function invalid(what: string): PaminaError {
  return new PaminaError('MESSAGE_INVALID', `a message of the channel of calls is wrong: ${what}`);
}
