// What the fuzzer needs to know of a decoder.
import type { ErrorCode } from '@pamina/format';
import type { Random } from './random.js';

/** How a decoder's documents are taken apart and put together, so that single fields can be changed. */
export interface DocumentForm {
  /** Null for bytes that are none. */
  read(bytes: Uint8Array): unknown;
  write(value: unknown): Uint8Array;
}

export interface Target {
  readonly name: string;
  /** What it is, for the list. */
  readonly about: string;
  /** Valid inputs to begin with. */
  readonly seeds: readonly Uint8Array[];
  /** Texts that mean something to the decoder. */
  readonly words?: readonly string[];
  /** Makes lengths and checksums in the bytes right again, so that what lies behind them is reached. */
  readonly seal?: (bytes: Uint8Array) => void;
  readonly document?: DocumentForm;
  /** What it may refuse an input with. */
  readonly codes: readonly ErrorCode[];
  /** Of the executions asked for, for a decoder that is slow by nature. */
  readonly share?: number;
  /**
   * Decodes, and throws a Broken for every invariant that does not hold. Returns a short word on what
   * was found: inputs with a new one are kept and changed further.
   */
  readonly run: (bytes: Uint8Array, random: Random) => string | Promise<string>;
}

/** An invariant that an input breaks. */
export class Broken extends Error {
  override readonly name = 'Broken';
}

export function hold(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new Broken(invariant);
}

export function holdSameBytes(one: Uint8Array, other: Uint8Array, invariant: string): void {
  hold(Buffer.compare(one, other) === 0, invariant);
}
