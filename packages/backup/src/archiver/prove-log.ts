// Proves log before it leaves: what is archived is read once, checked record by record against the chain,
// and exactly those bytes are sent.
import {
  PaminaError,
  crc32,
  decodeSegmentHeader,
  decodeSegmentTrailer,
  segmentHeaderBytes,
  segmentTrailerBytes,
} from '@pamina/format';
import type { Clock, Disk, DiskFile } from '@pamina/env';
import {
  forEachRecord,
  scanSegment,
  trailerFits,
  type ChainPoint,
  type Segment,
} from '@pamina/log';
import type { ArchivePosition } from './archive-position.js';

export interface ProvedBytes {
  readonly bytes: Uint8Array;
  /** The point after the last record. */
  readonly point: ChainPoint;
}

/** A closed segment, whole. LOG_DAMAGED, DIVERGED if it does not continue what is archived. */
export async function proveSegment(
  { clock, disk }: { readonly clock: Clock; readonly disk: Disk },
  segment: Segment,
  pattern: string,
  position: ArchivePosition,
): Promise<ProvedBytes> {
  const bytes = await disk.readFile(segment.path);
  const header = decodeSegmentHeader(bytes);
  const end = bytes.length - segmentTrailerBytes;
  const trailer = decodeSegmentTrailer(bytes.subarray(end));
  if (header.pattern !== pattern || header.firstSeq !== segment.firstSeq) {
    throw damaged(segment, 0, 'its header is of another segment');
  }
  const start = { seq: header.firstSeq - 1, chain: header.chainBefore, time: header.startTime };
  if (start.seq === position.seq) requireContinues(segment, position, start.chain);
  const scan = scanSegment(memoryFile(bytes, clock), {
    offset: segmentHeaderBytes,
    point: start,
    checksum: crc32(bytes.subarray(0, segmentHeaderBytes)),
    limit: end,
  });
  let step = await scan.next();
  for (; step.done !== true; step = await scan.next()) {
    forEachRecord(step.value, ({ checksum, seq }) => {
      if (seq === position.seq) requireContinues(segment, position, checksum);
    });
  }
  const { point } = step.value;
  if (trailer.bytes === end && trailerFits(trailer, step.value)) return { bytes, point };
  throw damaged(
    segment,
    end,
    `its records end with ${point.seq}, which is not what its trailer says`,
  );
}

/**
 * Whole records of an open segment from where the archive ends, up to what is durable; about `bytesMax`,
 * or one record that is larger. The first piece begins with the header.
 */
export async function provePiece(
  disk: Disk,
  segment: Segment,
  position: ArchivePosition,
  bytesMax: number,
): Promise<ProvedBytes & { readonly to: number }> {
  const from = position.open?.offset ?? 0;
  const limit = segment.bytes;
  const file = await disk.open(segment.path, 'read');
  try {
    const parts: Uint8Array[] = [];
    let to = from;
    if (from === 0) {
      const head = new Uint8Array(segmentHeaderBytes);
      await file.read(head, 0);
      const { chainBefore, firstSeq } = decodeSegmentHeader(head);
      if (firstSeq !== position.seq + 1)
        throw damaged(segment, 0, 'its header is of another segment');
      requireContinues(segment, position, chainBefore);
      parts.push(head);
      to = segmentHeaderBytes;
    }
    let point: ChainPoint = { seq: position.seq, chain: position.chain, time: position.time };
    const scan = scanSegment(file, { offset: to, point, checksum: 0, limit });
    for await (const batch of scan) {
      parts.push(batch.bytes.slice(batch.start, batch.end));
      to = batch.offset + batch.end - batch.start;
      ({ point } = batch);
      if (to - from >= bytesMax) break;
    }
    if (point.seq > position.seq) {
      return { bytes: new Uint8Array(Buffer.concat(parts)), point, to };
    }
    throw damaged(segment, to, 'the record here is durable and fails its checksum');
  } finally {
    await file.close();
  }
}

/** Between two reads everybody else has a turn: commits do not wait for a whole segment to be checked. */
function memoryFile(bytes: Uint8Array, clock: Clock): DiskFile {
  const file: Pick<DiskFile, 'read' | 'size'> = {
    async read(into, at) {
      await clock.sleep(0);
      const piece = bytes.subarray(at, at + into.length);
      into.set(piece);
      return piece.length;
    },
    size: () => Promise.resolve(bytes.length),
  };
  return file as DiskFile;
}

function requireContinues(segment: Segment, position: ArchivePosition, chain: number): void {
  if (chain === position.chain) return;
  const message = `${segment.path} does not continue what is archived up to record ${position.seq}`;
  throw new PaminaError('DIVERGED', message, {
    context: { file: segment.path, seq: position.seq },
    hint: 'The archive keeps another history. Give this database an archive of its own.',
  });
}

function damaged(segment: Segment, offset: number, what: string): PaminaError {
  const message = `${segment.path}, offset ${offset}: ${what}; it was not archived`;
  return new PaminaError('LOG_DAMAGED', message, { context: { file: segment.path, offset } });
}
