// Small files that are only a help: JSON with a checksum. What cannot be read is as if it were not there.
import { createHash } from 'node:crypto';
import type { Disk } from '@pamina/env';

const fileBytesMax = 16 * 1024 * 1024;

/** On disk when it resolves; a crash leaves the old or the new (P8). */
export async function writeNoted(disk: Disk, path: string, content: object): Promise<void> {
  const text = JSON.stringify({ checksum: checksumOf(content), ...content }, null, 1);
  await disk.replaceFile(path, new TextEncoder().encode(`${text}\n`));
}

/** null if it is not there, too long, or not what was written. */
export async function readNoted(
  disk: Disk,
  path: string,
): Promise<Readonly<Record<string, unknown>> | null> {
  const status = await disk.stat(path);
  if (status === null || status.bytes > fileBytesMax) return null;
  const bytes = await disk.readFileIfPresent(path);
  return bytes === null ? null : parseNoted(bytes);
}

/** null if it is not what was written. */
export function parseNoted(bytes: Uint8Array): Readonly<Record<string, unknown>> | null {
  const value = parseJson(bytes);
  if (!isObject(value)) return null;
  const { checksum, ...content } = value;
  return checksum === checksumOf(content) ? content : null;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function checksumOf(content: object): string {
  return createHash('sha256').update(JSON.stringify(content)).digest('hex');
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
