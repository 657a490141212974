// Lines of JSON in a stream of bytes: the form of every answer that takes time or has no bound.
// Memory stays within one line, whatever the peer sends.

import { PaminaError } from '@pamina/format';
import { requireFewParts } from './json-text.js';

const newline = 0x0a;
const encoder = new TextEncoder();

export function encodeLine(value: unknown): Uint8Array {
  return encoder.encode(`${JSON.stringify(value)}\n`);
}

/**
 * Parses each line that is not empty. MESSAGE_INVALID for a line that is longer than `lineBytesMax`,
 * is no UTF-8, no JSON, or not ended by a newline when the stream ends.
 */
export async function* parseLines(
  chunks: AsyncIterable<Uint8Array>,
  lineBytesMax: number,
): AsyncIterable<unknown> {
  const line = new LineBuffer(lineBytesMax);
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      line.append(chunk.subarray(start, end));
      start = end + 1;
      const text = line.take();
      if (text.trim() !== '') yield parse(text, line.count);
    }
    line.append(chunk.subarray(start));
  }
  const rest = line.take();
  if (rest.trim() !== '') {
    throw new PaminaError('MESSAGE_INVALID', `the stream ends within line ${line.count}`);
  }
}

function parse(text: string, lineNumber: number): unknown {
  requireFewParts(text, 'MESSAGE_INVALID');
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new PaminaError('MESSAGE_INVALID', `line ${lineNumber} is not JSON`, { cause });
  }
}

/** The line that is being read, in the pieces that it came in. */
class LineBuffer {
  count = 0;
  #parts: Uint8Array[] = [];
  #bytes = 0;
  readonly #bytesMax: number;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  append(part: Uint8Array): void {
    if (part.length === 0) return;
    this.#bytes += part.length;
    if (this.#bytes > this.#bytesMax) {
      throw new PaminaError(
        'MESSAGE_INVALID',
        `line ${this.count + 1} is longer than ${this.#bytesMax} bytes`,
      );
    }
    this.#parts.push(part);
  }

  take(): string {
    this.count += 1;
    const decoder = new TextDecoder('utf-8', { fatal: true });
    try {
      let text = '';
      for (const part of this.#parts) text += decoder.decode(part, { stream: true });
      return text + decoder.decode();
    } catch (cause) {
      throw new PaminaError('MESSAGE_INVALID', `line ${this.count} is not UTF-8`, { cause });
    } finally {
      this.#parts = [];
      this.#bytes = 0;
    }
  }
}
