// An archive for `layLogBeginning`: a copy that stands inside a segment gets what is before it. An archive
// knows segments by other names than a log folder, so the one that is needed is given its log's name.
import { segmentPath } from '@pamina/format';
import type { Archive } from '@pamina/archive';
import type { ArchivePlace } from '../archiver/archive-layout.js';
import type { LogSource, SegmentEntry } from '../log-source.js';
import { ArchivedLine, type ListedSegment } from './archived-line.js';

/** Holds the one segment around record `seq` that is closed or the furthest, of those on these timelines. */
export function beginningSource(
  archive: Archive,
  place: ArchivePlace,
  around: { readonly seq: number; readonly timelineIds: ReadonlySet<string> },
  signal: AbortSignal,
): LogSource {
  const line = new ArchivedLine(archive, place);
  let found: { readonly entry: SegmentEntry; readonly listed: ListedSegment } | null = null;
  const open = (): { readonly entry: SegmentEntry; readonly listed: ListedSegment } => {
    if (found === null) throw new TypeError('the segments are listed before one is read');
    return found;
  };
  return {
    describe: () => line.describe(),
    async segments() {
      const { seq, timelineIds } = around;
      const listed = (await line.list(signal)).findLast(
        ({ entry }) => entry.firstSeq <= seq + 1 && timelineIds.has(entry.timelineId),
      );
      if (listed === undefined) return [];
      const sized = await line.sized(listed, signal);
      const { header, trailer } = await line.facts(sized, signal);
      const { firstSeq, timeline, timelineId } = sized.entry;
      const isCopy = header.timelineId !== timelineId;
      const lastSeq = isCopy ? (trailer?.lastSeq ?? null) : null;
      const name = segmentPath({
        ...{ timeline, timelineId, firstSeq, lastSeq },
        session: header.session,
      });
      found = { entry: { ...sized.entry, name }, listed: sized };
      return [found.entry];
    },
    read(_entry, offset) {
      const { listed } = open();
      return line.source(listed, signal).read(listed.entry, offset);
    },
    facts() {
      return line.facts(open().listed, signal);
    },
  };
}
