// The heartbeat of an archive: that record `seq` was the last one committed until `time`. Written once
// after the writes have stopped; a record that came later says the same by itself.
import { isPaminaError } from '@pamina/format';
import { readObject, type Archive } from '@pamina/archive';
import type { CompleteUntil } from '../log-source.js';
import { decodeLine, encodeLine, isCount } from './checked-line.js';
import { heartbeatObject, type ArchivePlace } from './archive-layout.js';

export interface Heartbeat extends CompleteUntil {
  readonly timeline: number;
  readonly timelineId: string;
  /** Chain after record `seq`. */
  readonly chain: number;
}

const heartbeatBytesMax = 4096;
const absentCodes: ReadonlySet<string> = new Set([
  'ARCHIVE_DAMAGED',
  'ARCHIVE_KEY_INVALID',
  'ARCHIVE_OBJECT_NOT_FOUND',
]);

export function encodeHeartbeat(heartbeat: Heartbeat): Uint8Array {
  const { chain, seq, time, timeline, timelineId } = heartbeat;
  return encodeLine({ formatVersion: 1, timeline, timelineId, seq, chain, time });
}

/** null where there is none, or none that this version, or these keys, can read: then nothing is proved. */
export async function readHeartbeat(
  archive: Archive,
  place: ArchivePlace,
): Promise<Heartbeat | null> {
  try {
    return decode(await readObject(archive, heartbeatObject(place), heartbeatBytesMax));
  } catch (error) {
    if (isPaminaError(error) && absentCodes.has(error.code)) return null;
    throw error;
  }
}

function decode(bytes: Uint8Array): Heartbeat | null {
  const fields = decodeLine(bytes);
  if (fields === null || fields['formatVersion'] !== 1) return null;
  const { chain, seq, time, timeline, timelineId } = fields;
  const areCounts = isCount(chain) && isCount(seq) && isCount(time) && isCount(timeline);
  if (!areCounts || typeof timelineId !== 'string') return null;
  return { chain, seq, time, timeline, timelineId };
}
