// Bytes cut into lines of UTF-8 text, with bounded memory and the number of each line.
import { PaminaError } from '@pamina/format';

export interface Line {
  /** Counted from 1. */
  readonly number: number;
  readonly text: string;
}

export interface LineOptions {
  /** Names the source in errors. */
  readonly where: string;
  readonly lineBytesMax: number;
}

const newline = 0x0a;

/** Lines without their end (`\n` or `\r\n`) and without a byte order mark. IMPORT_INVALID. */
export async function* lines(
  source: AsyncIterable<Uint8Array>,
  options: LineOptions,
): AsyncGenerator<Line> {
  let parts: Uint8Array[] = [];
  let partBytes = 0;
  let number = 0;
  const take = (last: Uint8Array): Line => {
    number += 1;
    const text = decode(parts, last, partBytes, number, options);
    parts = [];
    partBytes = 0;
    return { number, text };
  };
  for await (const piece of source) {
    let start = 0;
    for (let end = piece.indexOf(newline); end !== -1; end = piece.indexOf(newline, start)) {
      yield take(piece.subarray(start, end));
      start = end + 1;
    }
    if (start === piece.length) continue;
    parts.push(piece.subarray(start));
    partBytes += piece.length - start;
    if (partBytes > options.lineBytesMax) throw tooLong(number + 1, options);
  }
  if (partBytes > 0) yield take(new Uint8Array(0));
}

function decode(
  parts: readonly Uint8Array[],
  last: Uint8Array,
  partBytes: number,
  number: number,
  options: LineOptions,
): string {
  if (partBytes + last.length > options.lineBytesMax) throw tooLong(number, options);
  const bytes = parts.length === 0 ? last : Buffer.concat([...parts, last]);
  try {
    // Drops a byte order mark, which only the first line may have; JSON refuses it elsewhere.
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: number !== 1 }).decode(bytes);
    return text.endsWith('\r') ? text.slice(0, -1) : text;
  } catch (cause) {
    throw new PaminaError('IMPORT_INVALID', `${options.where}, line ${number}: not UTF-8 text`, {
      cause,
      context: { line: number },
    });
  }
}

function tooLong(number: number, { where, lineBytesMax }: LineOptions): PaminaError {
  return new PaminaError(
    'IMPORT_INVALID',
    `${where}, line ${number}: longer than ${lineBytesMax} bytes`,
    { context: { line: number } },
  );
}
