// The heartbeat of an archive: that record `seq` was the last one committed until `time`. Written once
// after the writes have stopped; a record that came later says the same by itself.
import { crc32, isPaminaError } from '@pamina/format';
import { readObject, type Archive } from '@pamina/archive';
import type { CompleteUntil } from '../log-source.js';
import { heartbeatObject, type ArchivePlace } from './archive-layout.js';

export interface Heartbeat extends CompleteUntil {
  readonly timeline: number;
  readonly timelineId: string;
  /** Chain after record `seq`. */
  readonly chain: number;
}

const heartbeatBytesMax = 4096;

export function encodeHeartbeat(heartbeat: Heartbeat): Uint8Array {
  const { chain, seq, time, timeline, timelineId } = heartbeat;
  const text = JSON.stringify({ formatVersion: 1, timeline, timelineId, seq, chain, time });
  const bytes = new TextEncoder().encode(text);
  return new TextEncoder().encode(`${crc32(bytes).toString(16).padStart(8, '0')} ${text}\n`);
}

/** null where there is none, or none that this version can read: then nothing is proved. */
export async function readHeartbeat(
  archive: Archive,
  place: ArchivePlace,
): Promise<Heartbeat | null> {
  try {
    return decode(await readObject(archive, heartbeatObject(place), heartbeatBytesMax));
  } catch (error) {
    const isAbsent =
      isPaminaError(error, 'ARCHIVE_OBJECT_NOT_FOUND') || isPaminaError(error, 'ARCHIVE_DAMAGED');
    if (isAbsent) return null;
    throw error;
  }
}

function decode(bytes: Uint8Array): Heartbeat | null {
  const line = new TextDecoder().decode(bytes).trimEnd();
  const text = line.slice(9);
  const checksum = crc32(new TextEncoder().encode(text)).toString(16).padStart(8, '0');
  if (!line.startsWith(`${checksum} `)) return null;
  const value = JSON.parse(text) as Record<string, unknown>;
  const { chain, seq, time, timeline, timelineId } = value;
  const areCounts = [chain, seq, time, timeline].every(
    (number) => Number.isSafeInteger(number) && (number as number) >= 0,
  );
  const isKnown = value['formatVersion'] === 1 && areCounts && typeof timelineId === 'string';
  return isKnown ? (value as unknown as Heartbeat) : null;
}
