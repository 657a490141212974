// The log that incremental backups hold, as a source for recovery: every segment of every good one in
// a folder of backups.
import { join } from 'node:path';
import { PaminaError, type BackupManifest, type BackupSegment } from '@pamina/format';
import type { Env } from '@pamina/env';
import { holdBackup } from './backup-holds.js';
import { listBackups, type ListedBackup } from './backup-list.js';
import type { LogSource, SegmentEntry } from './log-source.js';
import { unreadIn, type UnreadBackup } from './read-failure.js';
import { readPieces } from './source.js';

interface Held extends BackupSegment {
  readonly folder: string;
  readonly name: string;
}

/** `pattern`: only backups of this database; they may lie beside others. */
export function incrementalLogSource(
  env: Env,
  backupsFolder: string,
  pattern: string | null,
): LogSource {
  let known: readonly Held[] = [];
  let unread: readonly UnreadBackup[] = [];
  return {
    describe: () => `the incremental backups in ${backupsFolder}`,
    async segments() {
      const listed = await listBackups(env, backupsFolder);
      known = heldSegments(listed, pattern);
      unread = unreadIn(listed);
      return known.map(({ name, timeline, timelineId, firstSeq, bytes }): SegmentEntry => {
        return { name, timeline, timelineId, firstSeq, bytes };
      });
    },
    unread: () => unread,
    read: (entry, offset) => readFrom(env, backupsFolder, entry, offset),
    hold(fromSeq) {
      const folders = new Set(
        known.filter(({ lastSeq }) => lastSeq >= fromSeq).map(({ folder }) => folder),
      );
      const releases = [...folders].map((folder) => holdBackup(env.disk, folder));
      return () => releases.forEach((release) => release());
    },
  };
}

/** Of two copies of one segment, which backups of a replica can hold, the one in the newer backup. */
function heldSegments(listed: readonly ListedBackup[], pattern: string | null): Held[] {
  const byPlace = new Map<string, Held>();
  for (const { folder, id, manifest, problem } of listed) {
    if (problem !== null || manifest === null || manifest.pattern !== pattern) continue;
    for (const segment of segmentsOf(manifest)) {
      const place = `${segment.timelineId}/${segment.firstSeq}`;
      if (byPlace.has(place)) continue;
      byPlace.set(place, { ...segment, folder, name: `${id}/${segment.file}` });
    }
  }
  return [...byPlace.values()].sort((a, b) => a.firstSeq - b.firstSeq || a.timeline - b.timeline);
}

function segmentsOf(manifest: BackupManifest): readonly BackupSegment[] {
  return manifest.segments ?? [];
}

/** LOG_GONE if the backup was removed meanwhile. */
async function* readFrom(
  env: Env,
  backupsFolder: string,
  entry: SegmentEntry,
  offset: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const [id = '', file = ''] = entry.name.split('/');
  const folder = join(backupsFolder, id);
  if ((await env.disk.stat(join(folder, file))) === null) {
    const message = `${entry.name} is no longer in ${backupsFolder}`;
    throw new PaminaError('LOG_GONE', message, { context: { file: entry.name } });
  }
  yield* readPieces(env, folder, file, offset, Infinity);
}
