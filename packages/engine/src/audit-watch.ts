// What a replica needs to compare its state with its master's: a snapshot exactly at each mark that it
// applies, and later the record that says which state hash the master had there.
import {
  RecordKind,
  decodeBody,
  recordHeaderBytes,
  type AuditBody,
  type MarkBody,
  type PaminaError,
} from '@pamina/format';
import { forEachRecord, type RecordBatch } from '@pamina/log';
import type { DatabaseParts } from './database-parts.js';
import type { StoreSnapshot } from './state-store.js';

export interface AuditWatcher {
  /** The snapshot is the watcher's to close; an error says why there is none. */
  mark(body: MarkBody, seq: number, state: StoreSnapshot | PaminaError): void;
  audit(body: AuditBody): void;
}

/** To be called before the batch is handed to the applier, which stops at each mark in it. */
export function noteAudits(
  batch: RecordBatch,
  { applier, store }: Pick<DatabaseParts, 'applier' | 'store'>,
  watcher: AuditWatcher,
): void {
  forEachRecord(batch, ({ kind, length, seq }, at) => {
    if (kind !== RecordKind.mark && kind !== RecordKind.audit) return;
    const bytes = batch.bytes.subarray(at + recordHeaderBytes, at + length);
    if (kind === RecordKind.audit) {
      const body = decodeBody(kind, bytes);
      // In its turn: its mark may not be applied yet. Where nothing is applied the mark heard why.
      applier.atSeq(seq, () => watcher.audit(body));
      return;
    }
    const body = decodeBody(kind, bytes);
    // Nothing to compare with will come.
    if (body.audit === false) return;
    applier.atSeq(seq, (error) => watcher.mark(body, seq, error ?? store.snapshot()));
  });
}
