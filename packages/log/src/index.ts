// The exports of @pamina/log.
export { Appender } from './appender.js';
export { cutLogBehind, type CutLog } from './cut-log.js';
export type { LogChunk, LogCursor } from './cursor.js';
export type { Group, SessionHeader } from './group.js';
export { Log, type AppendHooks, type LogOptions } from './log.js';
export type { LogEvent } from './log-recovery.js';
export type { LogRecord } from './log-records.js';
export type { ReceivedChunk, Receiver } from './receiver.js';
export { forEachRecord, splitBatch, type ChainPoint, type RecordBatch } from './record-batch.js';
export { listSegments, loadHeader, type Segment } from './segment-list.js';
export { scanSegment, trailerFits, type ScanEnd } from './segment-scan.js';
export type { OpeningRecord } from './segment-opening.js';
export { endsWithTrailer, findProofOfSync } from './tail-proof.js';
