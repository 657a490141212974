// Names of objects: the same rules for every archive, so that what one holds can be copied into another.
import {
  PaminaError,
  recordHeaderBytes,
  commitBytesMax,
  segmentBytesMax,
  segmentTrailerBytes,
} from '@pamina/format';

const namePattern = /^[A-Za-z0-9_][A-Za-z0-9._-]*(?:\/[A-Za-z0-9_][A-Za-z0-9._-]*)*$/;
const nameLengthMax = 700;

/** The largest segment; also what one upload holds in memory (twice that, if it is encrypted). */
const archiveObjectBytesMax =
  segmentBytesMax + recordHeaderBytes + commitBytesMax + segmentTrailerBytes;
const replaceableBytesMax = 4096;

/** The names (as the last part of a path) whose objects may be replaced. */
const replaceableNames: ReadonlySet<string> = new Set(['announced', 'heartbeat']);

/** Temporary files of folders, and claims of stores without conditional writes: never listed. */
const hiddenPattern = /\.tmp-[0-9a-f]{16}$|\.claim-[0-9a-f]{32}$/;

/** Says what the archive is. */
export const markerName = 'pamina-archive';
/** Written twice with the same bytes to learn whether a server heeds a condition. */
export const probeName = 'pamina-probe';

/** Whether `list` shows it: neither what is half done nor what the archive has for itself. */
export function isListed(name: string): boolean {
  return !isHidden(name) && name !== markerName && name !== probeName;
}

export function isReplaceable(name: string): boolean {
  return replaceableNames.has(name.split('/').at(-1) ?? '');
}

export function isHidden(name: string): boolean {
  return hiddenPattern.test(name);
}

/** Gives the name back. TypeError: names are made by this program. */
export function requireName(name: string): string {
  const fits =
    name.length <= nameLengthMax &&
    namePattern.test(name) &&
    !name.includes('..') &&
    !isHidden(name);
  if (fits) return name;
  throw new TypeError(`${JSON.stringify(name.slice(0, 80))} is not the name of an object`);
}

export function requirePrefix(prefix: string): string {
  if (prefix !== '' && !prefix.endsWith('/')) {
    throw new TypeError(`the prefix ${JSON.stringify(prefix.slice(0, 80))} does not end with "/"`);
  }
  if (prefix !== '') requireName(prefix.slice(0, -1));
  return prefix;
}

/** What is written once. ARCHIVE_OBJECT_TOO_LARGE. */
export function requireWritable(name: string, bytes: Uint8Array): void {
  requireName(name);
  if (isReplaceable(name)) throw new TypeError(`${name} is replaced, not put`);
  if (bytes.length > archiveObjectBytesMax) {
    const message = `${name} has ${bytes.length} bytes; an object holds at most ${archiveObjectBytesMax}`;
    throw new PaminaError('ARCHIVE_OBJECT_TOO_LARGE', message, { context: { name } });
  }
}

export function requireReplaceable(name: string, bytes: Uint8Array): void {
  requireName(name);
  if (!isReplaceable(name) || bytes.length > replaceableBytesMax) {
    throw new TypeError(`${name} with ${bytes.length} bytes is no object that may be replaced`);
  }
}

/** As object storage sorts: by the bytes of the names, which are ASCII. */
export function byName(one: { readonly name: string }, other: { readonly name: string }): number {
  if (one.name === other.name) return 0;
  return one.name < other.name ? -1 : 1;
}
