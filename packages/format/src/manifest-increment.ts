// What an incremental backup adds to a manifest: which backup it continues, and the closed segments of
// the log from there on.
import { backupIdPattern } from './control-body.js';
import { FieldReader } from './fields.js';
import { hexToBytes } from './hex.js';
import { backupIdLengthMax, manifestBytesMax } from './limits.js';
import { readFileName, readSha256 } from './manifest-file.js';
import type { Position } from './position.js';
import type { Timeline } from './timeline.js';

const timelineIdLength = 16;
/** No segment takes fewer bytes in a manifest. */
const segmentsMax = manifestBytesMax / 64;

/** A closed segment of the log in an incremental backup, byte for byte as it stood there. */
export interface BackupSegment {
  /** Name of a file beside the manifest. */
  readonly file: string;
  /** Of the file, header and trailer included. */
  readonly bytes: number;
  /** Of the file, 64 lowercase hex digits. */
  readonly sha256: string;
  readonly timeline: number;
  /** 16 lowercase hex digits. */
  readonly timelineId: string;
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** Chain before the first and after the last record. */
  readonly chainBefore: number;
  readonly chain: number;
}

export function readIncrement(fields: FieldReader): { after: string; segments: BackupSegment[] } {
  const after = fields.text('after', backupIdLengthMax, backupIdPattern);
  return { after, segments: readSegments(fields) };
}

export function writeSegments(segments: readonly BackupSegment[]): unknown[][] {
  return segments.map((segment) => [
    segment.file,
    segment.bytes,
    hexToBytes(segment.sha256),
    segment.timeline,
    segment.timelineId,
    segment.firstSeq,
    segment.lastSeq,
    segment.chainBefore,
    segment.chain,
  ]);
}

interface Increment {
  readonly id: string;
  readonly timelines: readonly Timeline[];
  readonly position: Position;
  readonly chain: number;
  readonly chunks: readonly unknown[];
  readonly after?: string;
  readonly segments?: readonly BackupSegment[];
}

/** At least one, each the next one of the one before, and the last one ends at the position. */
export function requireContinuous(manifest: Increment, fields: FieldReader): void {
  const { segments = [] } = manifest;
  const last = segments.at(-1);
  const endsThere = last?.lastSeq === manifest.position.seq && last.chain === manifest.chain;
  if (!endsThere || manifest.after === manifest.id) throw fields.invalid('segments');
  if (manifest.chunks.length > 0) throw fields.invalid('chunks');
  for (const [index, segment] of segments.entries()) {
    const before = segments[index - 1];
    const follows =
      before === undefined ||
      (segment.firstSeq === before.lastSeq + 1 && segment.chainBefore === before.chain);
    const isOnHistory = manifest.timelines.some(({ id }) => id === segment.timelineId);
    if (!follows || !isOnHistory || segment.lastSeq < segment.firstSeq - 1) {
      throw fields.invalid('segments');
    }
  }
  if (new Set(segments.map(({ file }) => file)).size < segments.length) {
    throw fields.invalid('segments');
  }
}

function readSegments(fields: FieldReader): BackupSegment[] {
  return fields.list('segments', segmentsMax).map((item) => {
    if (!Array.isArray(item) || item.length !== 9) throw fields.invalid('segments');
    const [file, bytes, sha256, timeline, timelineId, ...range] = item as unknown[];
    const [firstSeq, lastSeq, chainBefore, chain] = range;
    const segment = new FieldReader(
      { file, bytes, sha256, timeline, timelineId, firstSeq, lastSeq, chainBefore, chain },
      'MANIFEST_INVALID',
      'the manifest: a segment',
    );
    return {
      file: readFileName(segment),
      bytes: segment.count('bytes'),
      sha256: readSha256(segment),
      timeline: segment.uint32('timeline', 1),
      timelineId: segment.hex('timelineId', timelineIdLength),
      firstSeq: segment.count('firstSeq', 1),
      lastSeq: segment.count('lastSeq'),
      chainBefore: segment.uint32('chainBefore'),
      chain: segment.uint32('chain'),
    };
  });
}
