// The backup that a replica is made from where an archive is all there is: the newest one from which the
// archived log leads on to its end. One that does not, behind a gap or on a history that was left, would
// only make a replica that stops where the one before did.
import { isPaminaError, PaminaError } from '@pamina/format';
import type { Archive } from '@pamina/archive';
import type { ArchivePlace } from '../archiver/archive-layout.js';
import { archivePlace } from '../archiver/archive-place.js';
import { unlessUnread } from '../read-failure.js';
import type { PlaceBackup } from '../recover/place.js';
import { ArchivedLine, type ListedSegment, onHistory } from './archived-line.js';

/**
 * Those whose state a hash proves go before those of which none is known yet. BACKUP_NOT_FOUND, whose cause
 * says of the newest one why it does not lead on; ARCHIVE_UNAVAILABLE.
 */
export async function backupToFollow(
  archive: Archive,
  place: ArchivePlace,
  signal: AbortSignal,
): Promise<PlaceBackup> {
  const { database: name, pattern } = place;
  const found = await (await archivePlace(archive, { name, pattern, signal })).backups();
  const line = new ArchivedLine(archive, place);
  const listed = await line.list(signal);
  let cause: PaminaError | null = null;
  for (const backup of inOrder(found.whole)) {
    try {
      await requireLeadsOn(line, backup, listed, signal);
      return backup;
    } catch (error) {
      if (!isPaminaError(error) || !leftCodes.has(error.code)) throw error;
      cause ??= error;
    }
  }
  const what = cause === null ? 'but an initial one' : `that leads on to its end: ${cause.message}`;
  const none = `${line.describe()} holds no backup ${what}`;
  const refusal = new PaminaError('BACKUP_NOT_FOUND', none, {
    ...(cause === null ? {} : { cause }),
    context: { name },
    hint: `Take one with \`pamina backup ${name}\`, where ${name} is; it is archived by itself.`,
  });
  throw unlessUnread(refusal, found.unread);
}

const leftCodes: ReadonlySet<string> = new Set(['DIVERGED', 'LOG_GONE']);

/** Of the newest timeline the one with the most records first. */
function inOrder(backups: readonly PlaceBackup[]): PlaceBackup[] {
  const isProved = ({ stateHash }: PlaceBackup): number => (stateHash === null ? 0 : 1);
  return backups
    .filter(({ manifest }) => manifest.kind === 'full')
    .sort(
      (one, other) =>
        isProved(other) - isProved(one) ||
        other.manifest.position.timeline - one.manifest.position.timeline ||
        other.manifest.position.seq - one.manifest.position.seq,
    );
}

/** DIVERGED, LOG_GONE. */
async function requireLeadsOn(
  line: ArchivedLine,
  { manifest }: PlaceBackup,
  listed: readonly ListedSegment[],
  signal: AbortSignal,
): Promise<void> {
  const { position, timelines } = manifest;
  const history = await line.historyFor(timelines, position.seq, listed, signal);
  const onLine = onHistory(listed, history);
  for (let seq = position.seq; ;) {
    const next = seq + 1;
    const firstSeq = Math.max(
      0,
      ...onLine.map(({ entry }) => entry.firstSeq).filter((first) => first <= next),
    );
    let reached = seq;
    for (const one of onLine.filter(({ entry }) => entry.firstSeq === firstSeq)) {
      if (one.pieces !== null) continue;
      const { trailer } = await line.facts(await line.sized(one, signal), signal);
      reached = Math.max(reached, Math.min(trailer?.lastSeq ?? 0, one.limit));
    }
    if (reached === seq) {
      const behind = onLine.find(({ entry }) => entry.firstSeq > next);
      if (behind === undefined) return;
      const message = `${line.describe()} does not have the log from record ${next} on; it goes on at ${behind.entry.firstSeq}`;
      throw new PaminaError('LOG_GONE', message, { context: { seq } });
    }
    seq = reached;
  }
}
