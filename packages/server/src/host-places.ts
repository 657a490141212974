// Where a restore takes from: the database itself, running or not; a folder; a server elsewhere.

import {
  type BackupSource,
  type CompleteUntil,
  folderPlace,
  folderSource,
  joinPlaces,
  lastRecordOf,
  logFolderSource,
  type PlaceBackup,
  type RecoveryPlace,
  storedBytes,
} from '@pamina/backup';
import {
  decodeManifest,
  decodeSynced,
  isPaminaError,
  PaminaError,
  parseSegmentPath,
} from '@pamina/format';
import {
  type BackupSummary,
  HttpBackupSource,
  type LogSegments,
  parseBackupUrl,
  type RestoreOptions,
} from '@pamina/wire';
import type { Database } from '@pamina/engine';
import { basename, dirname, join, resolve } from 'node:path';
import { archiveAt, type ArchiveChoice } from './host-archive-place.js';
import { requireUnused } from './host-change.js';
import type { HostCore } from './host-core.js';
import { callerOf, type MasterLink } from './master-link.js';

const directoryScheme = 'pamina://';

export interface RestorePlace {
  readonly place: RecoveryPlace;
  /** Id or tag of the backup in it; undefined: the best one for the target. */
  readonly backup: string | undefined;
}

/** `own` is set where the database is here. BACKUP_NOT_FOUND where nothing says what to restore. */
export async function placeOf(
  core: HostCore,
  { backup, from, ...files }: RestoreOptions,
  name: string,
  own: RecoveryPlace | null,
): Promise<RestorePlace> {
  const places: RecoveryPlace[] = own === null ? [] : [own];
  if (from !== undefined) places.push(await placeAt(core, from, { ...files, name }));
  const isElsewhere = backup !== undefined && /[\\/]/.test(backup);
  const given = isElsewhere ? await backupAt(core, backup) : null;
  if (given !== null) places.push(given.place);
  const [first, ...rest] = places;
  if (first === undefined) {
    throw new PaminaError('BACKUP_NOT_FOUND', 'there is nothing to restore from', {
      hint: 'Name the folder or URL of a backup, or with --from where backups and log are.',
    });
  }
  return { place: joinPlaces([first, ...rest]), backup: given?.id ?? backup };
}

/** A database here: what it has on disk, up to what is settled; its log stays while it is read. */
export async function ownPlace(core: HostCore, name: string): Promise<RecoveryPlace> {
  const { env } = core;
  const folder = core.folder(name);
  const online = core.online.get(name);
  if (online !== undefined) {
    const { log } = online.database;
    return folderPlace(env, folder, {
      completeUntil: () => completeUntilNow(core, online.database),
      pin: (fromSeq) => log.pin(fromSeq),
      settledSeq: () => log.durable.seq,
    });
  }
  const stoppedAt = (): Promise<number | null> => unusedSince(core, name);
  const logFolder = join(folder, 'log');
  const bytes = await env.disk.readFileIfPresent(join(logFolder, 'synced'));
  const synced = (bytes === null ? null : decodeSynced(bytes))?.seq ?? 0;
  const last = await lastRecordOf(logFolderSource({ disk: env.disk, folder: logFolder }));
  // After a kill or a power cut whole records can stand behind what was noted: opening settles them. In a
  // program that embeds the database and has it open they are not settled yet.
  const isSettled = (last ?? 0) <= synced || (await stoppedAt()) !== null;
  const settledSeq = isSettled ? undefined : (): number => synced;
  return folderPlace(env, folder, { stoppedAt, settledSeq, knownSeq: synced });
}

/** Who commits knows that nothing else did; null while a record is on its way. */
function completeUntilNow({ env }: HostCore, database: Database): CompleteUntil | null {
  const { log } = database;
  const { seq } = log.durable;
  if (!database.isWriter || log.encodedSeq !== seq) return null;
  const now = env.clock.now();
  log.notBefore(now);
  return { seq, time: now - 1 };
}

/** What a restore elsewhere asks first. */
export async function logSegments(core: HostCore, name: string): Promise<LogSegments> {
  await core.control(name);
  const [log] = (await ownPlace(core, name)).logs;
  const segments = (await log?.segments()) ?? [];
  const settledSeq = log?.settledSeq?.() ?? Number.MAX_SAFE_INTEGER;
  // Last: what came after the segments were listed is not the end that was listed.
  const completeUntil = (await log?.completeUntil?.()) ?? null;
  return { settledSeq, segments: [...segments], completeUntil };
}

/** LOG_GONE; SEGMENT_INVALID for what is not the name of a segment, which could lead anywhere. */
export async function* logBytes(
  core: HostCore,
  name: string,
  segment: string,
  from: number,
  to: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const place = parseSegmentPath(segment);
  if (place === null) {
    const message = `${JSON.stringify(segment)} is not the name of a segment`;
    throw new PaminaError('REQUEST_INVALID', message);
  }
  const { firstSeq, timeline, timelineId } = place;
  const release = core.online.get(name)?.database.log.pin(firstSeq);
  try {
    const log = logFolderSource({ disk: core.env.disk, folder: join(core.folder(name), 'log') });
    const entry = { name: segment, firstSeq, timeline, timelineId, bytes: to };
    let left = to - from;
    for await (const piece of log.read(entry, from)) {
      if (left <= 0) return;
      yield piece.subarray(0, left);
      left -= piece.length;
    }
  } finally {
    release?.();
  }
}

/** null if another process has the database open. */
async function unusedSince(core: HostCore, name: string): Promise<number | null> {
  const now = core.env.clock.now();
  try {
    await requireUnused(core, name);
    return now;
  } catch (error) {
    if (isPaminaError(error, 'DATABASE_IN_USE')) return null;
    throw error;
  }
}

/** `from` of a restore, `source` of a log. ADDRESS_INVALID, ARCHIVE_NOT_FOUND, FILE_NOT_FOUND, NAME_NOT_FOUND. */
export async function placeAt(
  core: HostCore,
  text: string,
  choice: ArchiveChoice,
): Promise<RecoveryPlace> {
  if (text.startsWith(directoryScheme)) {
    const link = await core.link(text.slice(directoryScheme.length).replace(/\/$/, ''));
    return serverPlace(link);
  }
  const archive = await archiveAt(core, text, choice);
  if (archive !== null) return archive;
  if (/^[a-z0-9]+:\/\//i.test(text)) {
    throw new PaminaError('ADDRESS_INVALID', `${text} is not a place to restore from`, {
      hint: 'Write the path of a folder, pamina://NAME, or the name or address of an archive.',
    });
  }
  const folder = resolve(text);
  if ((await core.env.disk.stat(folder))?.isFolder !== true) {
    throw new PaminaError('FILE_NOT_FOUND', `there is no folder ${folder}`, {
      context: { path: folder },
    });
  }
  return folderPlace(core.env, folder);
}

/** Backups and log over the network. */
async function serverPlace(link: MasterLink): Promise<RecoveryPlace> {
  const { pattern, timelines } = await link.status();
  const read = async (summary: BackupSummary): Promise<PlaceBackup> => {
    const { bytes, id, isDoubted, stateHash } = summary;
    const source = link.source(id);
    const manifest = decodeManifest(await source.readManifest());
    return { id, bytes, source, stateHash, isDoubted, manifest };
  };
  return {
    describe: () => `${directoryScheme}${link.name}`,
    backups: async () => {
      const listed = await link.backups();
      const whole = listed.filter(({ problem }) => (problem ?? null) === null);
      const unread = listed.flatMap(({ id, isUnread, problem }) =>
        isUnread === true
          ? [{ id, problem: new PaminaError('DISK_ERROR', problem ?? 'its disk failed') }]
          : [],
      );
      return { whole: await Promise.all(whole.map(read)), unread };
    },
    logs: [link.log()],
    history: timelines,
    pattern,
  };
}

/** A backup by its folder, with the log of the database that it stands in; or by its URL. */
async function backupAt(
  core: HostCore,
  text: string,
): Promise<{ readonly place: RecoveryPlace; readonly id: string }> {
  const url = parseBackupUrl(text);
  if (url !== null) {
    const caller = callerOf(url.address, core);
    const source = new HttpBackupSource(caller, url.database, url.id, core.signal);
    return singlePlace(source, url.id);
  }
  const folder = resolve(text);
  if (basename(dirname(folder)) !== 'backups') {
    return singlePlace(folderSource(core.env, folder), basename(folder));
  }
  // Its manifest is looked at first: a backup that is damaged is not one that is missing.
  decodeManifest(await folderSource(core.env, folder).readManifest());
  return { place: await folderPlace(core.env, dirname(dirname(folder))), id: basename(folder) };
}

async function singlePlace(
  source: BackupSource,
  id: string,
): Promise<{ readonly place: RecoveryPlace; readonly id: string }> {
  const manifest = decodeManifest(await source.readManifest());
  const bytes = storedBytes(manifest);
  const { stateHash } = manifest;
  const whole: readonly PlaceBackup[] = [{ id, bytes, manifest, stateHash, source }];
  const place: RecoveryPlace = {
    describe: () => source.describe(),
    backups: () => Promise.resolve({ whole, unread: [] }),
    logs: [],
    history: null,
    pattern: null,
  };
  return { place, id };
}
