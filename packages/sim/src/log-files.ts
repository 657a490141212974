// Reads the log files of a database straight from its simulated disk, with the format alone: what the
// files say must not be told by the code that is being tested.

import {
  PaminaError,
  RecordKind,
  checkRecord,
  crc32,
  decodeBody,
  decodeSegmentHeader,
  decodeSegmentTrailer,
  forEachOperation,
  isSegmentTrailer,
  newRecordHeader,
  parseSegmentPath,
  recordHeaderBytes,
  segmentHeaderBytes,
  segmentTrailerBytes,
  userPrefix,
  viewOf,
  type RecordHeader,
} from '@pamina/format';
import type { LoggedFile, LoggedRecord, Write } from './history.js';
import { textOf } from './text.js';
import type { HostDisk } from './world/disk/host-disk.js';

export interface LogFiles {
  readonly records: readonly LoggedRecord[];
  readonly files: readonly LoggedFile[];
  readonly problem: string | null;
}

/** Every commit of a writer sets a key that begins so, to the commit's name. */
export const signaturePrefix = 'by-';

/** Records that were read before, by place and checksum: a log is read many times in a run. */
export type KnownRecords = Map<string, LoggedRecord>;

/** Of a log that is in use: what stands behind record `lastSeq` is still being written. */
export function readLogFiles(
  disk: HostDisk,
  folder: string,
  known: KnownRecords,
  lastSeq = Infinity,
): LogFiles {
  const files = segmentNames(disk, folder).flatMap((name) => {
    const bytes = disk.cachedBytes(`${folder}/${name}`);
    return bytes === null ? [] : [{ name, bytes }];
  });
  return readSegments(files, known, lastSeq);
}

export interface SegmentBytes {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** In the order of the log; wherever they were found. */
export function readSegments(
  files: readonly SegmentBytes[],
  known: KnownRecords,
  lastSeq = Infinity,
): LogFiles {
  const reading = new Reading(lastSeq, known);
  for (const [index, { name, bytes }] of files.entries()) {
    const isLast = index === files.length - 1;
    if (!reading.readFile(name, bytes, isLast)) break;
  }
  return reading.finish();
}

/** Oldest first; of two that begin with one record, the one of the newer timeline. */
function segmentNames(disk: HostDisk, folder: string): string[] {
  const byFirst = new Map<number, { name: string; timeline: number }>();
  for (const path of disk.files(folder)) {
    const name = path.slice(folder.length + 1);
    const place = parseSegmentPath(name);
    if (place === null) continue;
    const { firstSeq, timeline } = place;
    const other = byFirst.get(firstSeq);
    if (other === undefined || other.timeline < timeline) byFirst.set(firstSeq, { name, timeline });
  }
  return [...byFirst].sort(([one], [other]) => one - other).map(([, { name }]) => name);
}

class Reading {
  readonly #lastSeq: number;
  readonly #known: KnownRecords;
  readonly #records: LoggedRecord[] = [];
  readonly #files: LoggedFile[] = [];
  #problem: string | null = null;
  /** Of the oldest segment: a copy begins behind the state that it was laid out with. */
  #firstSeq = Infinity;

  constructor(lastSeq: number, known: KnownRecords) {
    this.#lastSeq = lastSeq;
    this.#known = known;
  }

  /** False when nothing behind this file counts. */
  readFile(name: string, bytes: Uint8Array, isLast: boolean): boolean {
    const before = this.#records.at(-1);
    if (before !== undefined && before.seq >= this.#lastSeq) return false;
    try {
      const end = this.#readRecords(name, bytes);
      if (end === null) return false;
      const isClosed = this.#readTrailer(bytes, end);
      const checksum = isClosed ? crc32(bytes) : null;
      const lastSeq = this.#records.at(-1)?.seq ?? 0;
      this.#files.push({ name, isClosed, checksum, lastSeq });
      if (isClosed || isLast) return true;
      this.#problem ??= `${name} breaks off at offset ${end}`;
    } catch (error) {
      if (!(error instanceof PaminaError)) throw error;
      this.#problem ??= `${name}: ${error.message}`;
    }
    return false;
  }

  finish(): LogFiles {
    const last = this.#records.at(-1)?.seq ?? 0;
    const isExpected = Number.isFinite(this.#lastSeq) && this.#firstSeq <= this.#lastSeq;
    if (isExpected && last < this.#lastSeq) {
      this.#problem ??= `it ends with record ${last}, and ${this.#lastSeq} is durable`;
    }
    return { records: this.#records, files: this.#files, problem: this.#problem };
  }

  /** Offset behind the last whole record; null when the last record that counts was met. */
  #readRecords(name: string, bytes: Uint8Array): number | null {
    const segment = decodeSegmentHeader(bytes.subarray(0, segmentHeaderBytes));
    this.#firstSeq = Math.min(this.#firstSeq, segment.firstSeq);
    const view = viewOf(bytes);
    const header = newRecordHeader();
    let at = segmentHeaderBytes;
    let { firstSeq: seq, chainBefore: chain } = segment;
    while (checkRecord(bytes, view, at, bytes.length, seq, chain, header) === 'record') {
      if (seq > this.#lastSeq) return null;
      const name = `${segment.timelineId}/${seq}/${chain}/${header.checksum}`;
      let record = this.#known.get(name);
      if (record === undefined) {
        const place = { timelineId: segment.timelineId, chainBefore: chain };
        record = recordOf(bytes, view, at, header, place);
        this.#known.set(name, record);
      }
      this.#records.push(record);
      at += header.length;
      chain = header.checksum;
      seq += 1;
    }
    if (Number.isFinite(this.#lastSeq) || this.#isEnd(bytes, at)) return at;
    this.#problem ??= `${name}: no record and no end at offset ${at}`;
    return at;
  }

  #isEnd(bytes: Uint8Array, at: number): boolean {
    const rest = bytes.subarray(at);
    if (rest.length >= segmentTrailerBytes && isSegmentTrailer(rest, viewOf(rest), 0)) return true;
    return rest.every((byte) => byte === 0);
  }

  #readTrailer(bytes: Uint8Array, end: number): boolean {
    if (bytes.length - end !== segmentTrailerBytes) return false;
    if (!isSegmentTrailer(bytes, viewOf(bytes), end)) return false;
    const trailer = decodeSegmentTrailer(bytes.subarray(end));
    const fits = trailer.bytes === end && trailer.checksum === crc32(bytes.subarray(0, end));
    if (!fits) this.#problem ??= `a trailer at offset ${end} does not fit its segment`;
    return true;
  }
}

function recordOf(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  header: RecordHeader,
  place: { readonly timelineId: string; readonly chainBefore: number },
): LoggedRecord {
  const { seq, checksum, time, kind, length } = header;
  const writes: Write[] = [];
  const body = bytes.subarray(at + recordHeaderBytes, at + length);
  const tag = kind === RecordKind.mark ? decodeBody(RecordKind.mark, body).tag : null;
  if (kind === RecordKind.commit) {
    const add = (key: Uint8Array, value: Uint8Array | null): void => {
      if (key[0] !== userPrefix) return;
      writes.push({ key: textOf(key.subarray(1)), value: value === null ? null : textOf(value) });
    };
    forEachOperation(bytes, view, at + recordHeaderBytes, at + length, {
      put: (keyStart, keyEnd, valueStart, valueEnd) =>
        add(bytes.subarray(keyStart, keyEnd), bytes.subarray(valueStart, valueEnd)),
      delete: (keyStart, keyEnd) => add(bytes.subarray(keyStart, keyEnd), null),
    });
  }
  const signed = writes.find(({ key, value }) => key.startsWith(signaturePrefix) && value !== null);
  return { ...place, seq, chain: checksum, time, tag, commit: signed?.value ?? null, writes };
}
