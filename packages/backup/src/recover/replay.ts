// Replays a planned stretch of log over a store: segments are fetched ahead and side by side, every
// record is verified, and the next batch is encoded while LevelDB writes the one before it.
import { segmentHeaderBytes, PaminaError } from '@pamina/format';
import { forEachRecord, type ChainPoint, type RecordBatch } from '@pamina/log';
import type { StateStore } from '@pamina/engine';
import type { Span } from './line.js';
import { brokenOff, ReadAhead, segmentBatches } from './segment-stream.js';

/** Segments that are fetched at once. */
const aheadCountMax = 4;

export interface ReplayProgress {
  readonly bytes: number;
  readonly records: number;
}

export interface ReplayOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: ReplayProgress) => void) | undefined;
}

/** Resolves to the last point. LOG_DAMAGED, DIVERGED, LOG_GONE; then the store is worth nothing. */
export async function replay(
  store: StateStore,
  start: ChainPoint,
  spans: readonly Span[],
  options: ReplayOptions = {},
): Promise<ChainPoint> {
  let end = start;
  let bytes = 0;
  let writing: Promise<void> = Promise.resolve();
  try {
    for await (const batch of spanBatches(spans, start)) {
      options.signal?.throwIfAborted();
      const prepared = store.prepare(batch);
      await writing;
      writing = prepared.write();
      // Awaited in the next round; until then a failure must not count as unhandled.
      writing.catch(() => undefined);
      end = batch.point;
      bytes += batch.end - batch.start;
      options.onProgress?.({ bytes, records: end.seq - start.seq });
    }
  } finally {
    await Promise.allSettled([writing]);
  }
  await writing;
  return end;
}

/** Verified batches, cut to the spans, each the continuation of the one before (P4, P5). */
async function* spanBatches(
  spans: readonly Span[],
  start: ChainPoint,
): AsyncGenerator<RecordBatch, void, undefined> {
  const fetched: { readonly span: Span; readonly pieces: ReadAhead }[] = [];
  const waiting = spans.values();
  const fill = (): void => {
    while (fetched.length < aheadCountMax) {
      const step = waiting.next();
      if (step.done === true) return;
      const { source, entry } = step.value.segment;
      const pieces = new ReadAhead(source.read(entry, segmentHeaderBytes));
      fetched.push({ span: step.value, pieces });
    }
  };
  let point = start;
  try {
    for (fill(); fetched.length > 0; fill()) {
      const [{ span, pieces }] = fetched as [(typeof fetched)[number]];
      for await (const batch of cutBatches(span, pieces, point)) {
        point = batch.point;
        yield batch;
      }
      fetched.shift();
      await pieces.close();
    }
  } finally {
    await Promise.all(fetched.map(({ pieces }) => pieces.close()));
  }
}

async function* cutBatches(
  span: Span,
  pieces: ReadAhead,
  before: ChainPoint,
): AsyncGenerator<RecordBatch, void, undefined> {
  const { segment, fromSeq, toSeq } = span;
  const { firstSeq, header } = { ...segment.entry, header: segment.header };
  // The record before the first one wanted proves that the log continues what is there (P5).
  if (firstSeq === fromSeq) requireContinues(span, header.chainBefore, before);
  const batches = segmentBatches(segment, pieces);
  try {
    for (;;) {
      const step = await batches.next();
      if (step.done === true) throw brokenOff(segment, step.value.offset);
      const cut = cutBatch(step.value, span, before);
      if (cut.end > cut.start) yield cut;
      if (step.value.point.seq >= toSeq) return;
    }
  } finally {
    await batches.return({ reason: 'torn', point: before, offset: 0, checksum: 0 });
  }
}

function cutBatch(batch: RecordBatch, span: Span, before: ChainPoint): RecordBatch {
  const { fromSeq, toSeq } = span;
  if (batch.firstSeq >= fromSeq && batch.point.seq <= toSeq) return batch;
  let start = batch.end;
  let end = batch.start;
  let { point } = batch;
  forEachRecord(batch, (header, at) => {
    if (header.seq === fromSeq - 1) requireContinues(span, header.checksum, before);
    if (header.seq < fromSeq || header.seq > toSeq) return;
    start = Math.min(start, at);
    end = at + header.length;
    point = { seq: header.seq, chain: header.checksum, time: header.time };
  });
  return { ...batch, start, end, firstSeq: Math.max(batch.firstSeq, fromSeq), point };
}

function requireContinues({ segment, fromSeq }: Span, chain: number, before: ChainPoint): void {
  if (chain === before.chain) return;
  const { entry, source } = segment;
  const message = `${entry.name} in ${source.describe()} is not the continuation of record ${fromSeq - 1}`;
  throw new PaminaError('DIVERGED', message, { context: { file: entry.name, seq: fromSeq - 1 } });
}
