// Who archives to a place: each database leaves a mark there while it has the archive, so that a person at
// another machine does not expire under it what its own settings keep, or what it is just sending (P10).
import { PaminaError } from '@pamina/format';
import type { Archive, ArchiveCall } from '@pamina/archive';
import { placePrefix, type ArchivePlace } from './archive-layout.js';

const writerPattern = /^writers\/([0-9a-f]{32})$/;
const writerBytes = new TextEncoder().encode('{"pamina":"writer","formatVersion":1}\n');

/** `instance` is that of the database's control.json: every copy has its own. */
function writerObject(place: ArchivePlace, instance: string): string {
  return `${placePrefix(place)}writers/${instance}`;
}

/** Before anything else is put. Cheap where the mark is there already. */
export async function enterArchive(
  archive: Archive,
  place: ArchivePlace,
  instance: string,
  call: ArchiveCall,
): Promise<void> {
  const name = writerObject(place, instance);
  if ((await archive.size(name, call)) === null) await archive.putIfAbsent(name, writerBytes, call);
}

/** When the database has the archive no longer. */
export async function leaveArchive(
  archive: Archive,
  place: ArchivePlace,
  instance: string,
  call: ArchiveCall,
): Promise<void> {
  await archive.delete(writerObject(place, instance), call);
}

/** ARCHIVE_IN_USE, with since when each one that has it does, and when it gave the last sign of life. */
export async function refuseWriters(
  archive: Archive,
  place: ArchivePlace,
  call: ArchiveCall = {},
): Promise<void> {
  const prefix = placePrefix(place);
  const objects = await archive.list(prefix, call);
  const writers = objects.flatMap(({ modifiedMs, name }) => {
    const match = writerPattern.exec(name.slice(prefix.length));
    return match === null ? [] : [{ instance: String(match[1]), since: modifiedMs }];
  });
  if (writers.length === 0) return;
  const last = Math.max(0, ...objects.map(({ modifiedMs }) => modifiedMs ?? 0));
  const who = writers.map(({ instance, since }) => `${instance} (since ${timeText(since)})`);
  const message = `${archive.describe()} (${place.database}) is archived to by ${who.join(', ')}; what came last came ${timeText(last === 0 ? null : last)}`;
  throw new PaminaError('ARCHIVE_IN_USE', message, {
    context: { archive: archive.describe(), database: place.database, writers, last },
  });
}

function timeText(ms: number | null): string {
  return ms === null ? 'at an unknown time' : new Date(ms).toISOString();
}
