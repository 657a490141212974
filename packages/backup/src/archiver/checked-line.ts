// One line of JSON with its checksum before it: what is not whole, or not JSON, is nothing (P9).
import { crc32 } from '@pamina/format';

const checksumLength = 8;

export function encodeLine(value: object): Uint8Array {
  const text = JSON.stringify(value);
  return new TextEncoder().encode(`${checksumOf(text)} ${text}\n`);
}

/** The fields, unchecked; null for what was not written by `encodeLine`. */
export function decodeLine(bytes: Uint8Array): Readonly<Record<string, unknown>> | null {
  const line = new TextDecoder().decode(bytes).trimEnd();
  const text = line.slice(checksumLength + 1);
  if (!line.startsWith(`${checksumOf(text)} `)) return null;
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function checksumOf(text: string): string {
  return crc32(new TextEncoder().encode(text)).toString(16).padStart(checksumLength, '0');
}
