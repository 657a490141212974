// The content of a directory file: JSON that a person can read and edit, validated whole before any
// of it is used.

import { PaminaError, timeMsMax, validateName } from '@pamina/format';
import type { DirectoryEntry } from './directory.js';

export const directoryBytesMax = 8 * 1024 * 1024;
export const directoryEntriesMax = 10_000;
/** With the other fields' limits: as many entries as may be there fit into the file. */
const addressLengthMax = 300;
const formatVersion = 1;
/** No name of a database begins so. */
const versionKey = '$version';

export type DirectoryContent = ReadonlyMap<string, DirectoryEntry>;

/** DIRECTORY_INVALID (also for a version that is not known) with the place and the reason. */
export function parseDirectory(bytes: Uint8Array, path: string): DirectoryContent {
  const invalid = (what: string, cause?: unknown) =>
    new PaminaError('DIRECTORY_INVALID', `${path}: ${what}`, { cause, context: { path } });
  if (bytes.length > directoryBytesMax) throw invalid(`larger than ${directoryBytesMax} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw invalid('not JSON', cause);
  }
  if (!isRecord(value)) throw invalid('not an object of names');
  const version = value[versionKey] ?? formatVersion;
  if (version !== formatVersion) {
    throw invalid(`format version ${JSON.stringify(version).slice(0, 40)} is not known`);
  }
  const names = Object.keys(value).filter((name) => name !== versionKey);
  if (names.length > directoryEntriesMax) throw invalid(`more than ${directoryEntriesMax} names`);
  const content = new Map<string, DirectoryEntry>();
  for (const name of names.sort()) {
    try {
      content.set(validateName(name), parseEntry(value[name]));
    } catch (cause) {
      throw invalid(`"${name}": ${cause instanceof Error ? cause.message : String(cause)}`, cause);
    }
  }
  return content;
}

function parseEntry(value: unknown): DirectoryEntry {
  if (!isRecord(value)) throw new PaminaError('DIRECTORY_INVALID', 'not an object');
  const { address, instance = null, since = null } = value;
  if (typeof address !== 'string') throw new PaminaError('DIRECTORY_INVALID', 'no address');
  if (instance !== null && (typeof instance !== 'string' || instance.length > 128)) {
    throw new PaminaError(
      'DIRECTORY_INVALID',
      'the instance is not a text of at most 128 characters',
    );
  }
  if (since !== null && !isTime(since)) {
    throw new PaminaError('DIRECTORY_INVALID', 'since is not a time in milliseconds');
  }
  return { address: validateAddress(address), instance, since };
}

/** One entry by itself. DIRECTORY_INVALID, ADDRESS_INVALID. */
export function parseEntryText(text: string): DirectoryEntry {
  try {
    return parseEntry(JSON.parse(text));
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new PaminaError('DIRECTORY_INVALID', 'not JSON', { cause });
  }
}

export function printEntry({ address, instance, since }: DirectoryEntry): string {
  return JSON.stringify({ address, instance, since });
}

export function printDirectory(content: DirectoryContent): Uint8Array {
  const names = [...content.keys()].sort();
  const value = Object.fromEntries(names.map((name) => [name, content.get(name)]));
  const text = JSON.stringify({ [versionKey]: formatVersion, ...value }, null, 2);
  return new TextEncoder().encode(`${text}\n`);
}

/** `http://host:port` in its usual spelling; ADDRESS_INVALID for anything with more or less in it. */
export function validateAddress(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isAddress =
    url !== null &&
    text.length <= addressLengthMax &&
    (url.protocol === 'http:' || url.protocol === 'https:') &&
    url.hostname !== '' &&
    url.username === '' &&
    url.password === '' &&
    (url.pathname === '/' || url.pathname === '') &&
    url.search === '' &&
    url.hash === '';
  if (!isAddress) {
    throw new PaminaError('ADDRESS_INVALID', `"${text}" is not an address like http://host:port`);
  }
  return url.origin;
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= timeMsMax;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
