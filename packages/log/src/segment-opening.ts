// What a segment with lock data begins with: all that is held, so that a reader need not look further back.
import { isLockKind, type RecordKind } from '@pamina/format';

export interface OpeningRecord {
  readonly kind: RecordKind;
  readonly body: Uint8Array;
}

/** Encoded behind all that was encoded before. It appends nothing itself. */
export type OpeningRecords = () => readonly OpeningRecord[];

export class SegmentOpening {
  /** Of the segment that is filling: records that it began with do not make it full. */
  bytes = 0;
  readonly #records: OpeningRecords;
  /** The last record of lock data. */
  #lastSeq = 0;

  constructor(records: OpeningRecords = () => []) {
    this.#records = records;
  }

  sealed(kind: RecordKind, seq: number): void {
    if (isLockKind(kind)) this.#lastSeq = seq;
  }

  /** Of the segment that begins now. */
  take(): readonly OpeningRecord[] {
    return this.#records();
  }

  /** Nothing behind record `seq` was written. Whether a segment has to begin, which says again what is held. */
  takenBackBehind(seq: number): boolean {
    this.bytes = 0;
    return this.#lastSeq > seq;
  }
}
