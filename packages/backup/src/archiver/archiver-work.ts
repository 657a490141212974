// What an archiver does when its state machine asks for it: each step leaves the archive and the noted
// position so that a kill between any two of them costs at most sending something once more.
import { dirname } from 'node:path';
import {
  PaminaError,
  isPaminaError,
  segmentHeaderBytes,
  timelineAt,
  toPaminaError,
  type Timeline,
} from '@pamina/format';
import type { Archive } from '@pamina/archive';
import type { ArchiveSetting } from '@pamina/engine';
import type { Log, Segment } from '@pamina/log';
import type { BackupSettings } from '../contract.js';
import { backupsFolderOf } from '../layout.js';
import { announce, type Announcement } from './announcement.js';
import {
  heartbeatObject,
  pieceObject,
  segmentObject,
  type ArchivedPiece,
  type ArchivePlace,
} from './archive-layout.js';
import {
  neededFrom,
  positionPath,
  readPosition,
  writePosition,
  type ArchivePosition,
} from './archive-position.js';
import { enterArchive } from './archive-writers.js';
import { changeArchives, type DatabaseWithArchives } from './archive-settings.js';
import type { LogWork } from './archiver-event.js';
import { copyBackups } from './copy-backups.js';
import { expireArchive, type ArchiveExpireReport } from './expire-archive.js';
import {
  archiveKeepMs,
  retiredIn,
  type ExpireArchiveOptions,
  type ExpiringOwner,
  type RetiredBackup,
} from './expire-plan.js';
import { encodeHeartbeat, readHeartbeat, type Heartbeat } from './heartbeat.js';
import { provePiece, proveSegment } from './prove-log.js';
import { placeOf, reconcile, recordsOf, type ReconcileOptions } from './reconcile.js';

/** The database that is archived; it is open. */
export interface ArchivedDatabase extends DatabaseWithArchives, ExpiringOwner {
  readonly folder: string;
  readonly identity: { readonly pattern: string | null };
  readonly timelines: readonly Timeline[];
  /** Whether it commits: who only receives log cannot say that nothing came later. */
  readonly isWriter: boolean;
  readonly log: Pick<
    Log,
    'segments' | 'durable' | 'firstSeq' | 'encodedSeq' | 'notBefore' | 'onDurable'
  >;
  readonly system: Pick<ExpiringOwner['system'], 'permitted'> & {
    settings(): BackupSettings & { readonly archiveHeartbeatMinutes: number };
  };
}

export type ExpireGiven = Pick<ExpireArchiveOptions, 'dryRun' | 'signal'>;

export interface ArchiverWorkOptions {
  readonly database: ArchivedDatabase;
  readonly setting: ArchiveSetting;
  /** Opens the archive, with credentials as they are now. */
  readonly open: (setting: ArchiveSetting, signal: AbortSignal) => Promise<Archive>;
}

/** A piece of the open segment is about so large at most: what one request carries. */
const pieceBytesMax = 8 * 1024 * 1024;

export class ArchiverWork {
  readonly #options: ArchiverWorkOptions;
  readonly #signal: AbortSignal;
  readonly backups = new Set<string>();
  /** As they were when the archive was last listed, or expired. */
  retired: readonly RetiredBackup[] = [];
  failure: PaminaError | null = null;
  #archive: Archive | null = null;
  #position: ArchivePosition | null = null;
  /** Pieces of the segment that is open now. */
  #pieces: ArchivedPiece[] = [];
  /** Pieces of it from before the recipients were changed, as far as the new ones do not cover them. */
  #forOthers: readonly ArchivedPiece[] = [];
  #areBackupsKnown = false;
  readonly #beside = new Set<string>();
  /** The last heartbeat, here or before the archiver began. */
  #said: Heartbeat | null = null;
  /** A backup came since what is no longer needed was removed. */
  #isExpiryDue = false;

  constructor(options: ArchiverWorkOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
  }

  get position(): ArchivePosition | null {
    return this.#position;
  }

  left(): LogWork {
    const segment = this.#current();
    if (segment === null) return { isClosed: this.#isLost(), bytes: 0 };
    const offset = this.#position?.open?.offset ?? 0;
    return { isClosed: segment.closed, bytes: Math.max(0, segment.bytes - offset) };
  }

  /** Cheap: asked after every sync. */
  get isSegmentClosed(): boolean {
    return this.#current()?.closed ?? this.#isLost();
  }

  behindBytes(): number {
    const segments = recordsOf(this.#options.database.log.segments());
    const current = this.#current();
    if (current === null) return 0;
    const behind = segments.slice(segments.indexOf(current));
    const bytes = behind.reduce((sum, segment) => sum + segment.bytes, 0);
    return bytes - (this.#position?.open?.offset ?? 0);
  }

  async reconcile(): Promise<void> {
    const { database, open, setting } = this.#options;
    const { disk } = database.env;
    const place = this.#place();
    await disk.makeFolder(dirname(this.#path()));
    this.#archive = await open(setting, this.#signal);
    this.#areBackupsKnown = false;
    const archive = this.#archive;
    const call = { signal: this.#signal };
    await enterArchive(archive, place, database.control.instance, call);
    const options: ReconcileOptions = {
      archive,
      disk,
      log: database.log,
      place,
      position: await readPosition(disk, this.#path()),
      signal: this.#signal,
    };
    const { forOthers, leftovers, position } = await reconcile(options).catch(
      async (error: unknown) => {
        if (!isPaminaError(error, 'ARCHIVE_GAP')) throw error;
        // A backup that is not there yet may be what lets archiving go on.
        await this.#copyBackups(archive);
        return reconcile(options);
      },
    );
    for (const name of leftovers) await archive.delete(name, call);
    this.#forOthers = forOthers;
    await this.#keepWord(archive);
    await this.#note(position);
  }

  async archiveSegment(): Promise<void> {
    const { archive, position, segment } = this.#open();
    const { database } = this.#options;
    const place = this.#place();
    const proved = await proveSegment(database.env, segment, place.pattern, position);
    const call = { signal: this.#signal };
    await this.#announce(archive, segment, { seq: proved.point.seq, isClosed: true });
    await archive.putIfAbsent(segmentObject(place, placeOf(segment)), proved.bytes, call);
    await this.#note({ ...proved.point, open: null });
    for (const { name } of [...this.#forOthers, ...this.#pieces]) await archive.delete(name, call);
    this.#forOthers = [];
    this.#pieces = [];
  }

  async archivePiece(): Promise<void> {
    const { archive, position, segment } = this.#open();
    const place = this.#place();
    const { disk } = this.#options.database.env;
    const from = position.open?.offset ?? 0;
    const { bytes, point, to } = await provePiece(disk, segment, position, pieceBytesMax);
    const name = pieceObject(place, placeOf(segment), from, to);
    const call = { signal: this.#signal };
    await this.#announce(archive, segment, { seq: point.seq, isClosed: false });
    if (this.#forOthers.some((piece) => piece.name === name)) await archive.delete(name, call);
    await archive.putIfAbsent(name, bytes, call);
    this.#pieces.push({ name, from, to });
    await this.#dropForOthers(archive, to);
    const { firstSeq, timelineId } = placeOf(segment);
    await this.#note({ ...point, open: { firstSeq, timelineId, offset: to } });
  }

  /** Those that end at or before the offset: who reads would take the longer one, which may not be for them. */
  async #dropForOthers(archive: Archive, offset: number): Promise<void> {
    const kept = new Set(this.#pieces.map(({ name }) => name));
    for (const { name, to } of this.#forOthers) {
      if (to <= offset && !kept.has(name)) await archive.delete(name, { signal: this.#signal });
    }
    this.#forOthers = this.#forOthers.filter(({ to }) => to > offset);
  }

  async archiveBackups(): Promise<void> {
    const { archive } = this.#open(false);
    await this.#copyBackups(archive);
    if (!this.#isExpiryDue) return;
    try {
      await this.#expire(archive, { signal: this.#signal });
    } catch (error) {
      // What is retried is retried as the rest is; else it stays until the next backup, and archiving goes on.
      const { code, message, retryable } = toPaminaError(error);
      if (retryable || this.#signal.aborted) throw error;
      this.#isExpiryDue = false;
      const { name } = this.#options.setting;
      const text = `Old backups and log in the archive ${name} were not removed: ${message}.`;
      this.#options.database.jobLog.write('warning', 'archive-expire-failed', text, { code });
    }
  }

  /** By hand; nothing else may be under way. */
  async expire(given: ExpireGiven): Promise<ArchiveExpireReport> {
    const archive =
      this.#archive ?? (await this.#options.open(this.#options.setting, this.#signal));
    const signals = [this.#signal, given.signal].filter((signal) => signal !== undefined);
    return this.#expire(archive, { ...given, signal: AbortSignal.any(signals) });
  }

  async #expire(archive: Archive, given: ExpireGiven): Promise<ArchiveExpireReport> {
    const { database } = this.#options;
    const report = await expireArchive({ ...given, database, archive, place: this.#place() });
    if (report.dryRun) return report;
    this.#isExpiryDue = false;
    for (const id of report.removed) this.backups.delete(id);
    this.retired = report.retired;
    return report;
  }

  async #copyBackups(archive: Archive): Promise<void> {
    const { database } = this.#options;
    const place = this.#place();
    const copied = await copyBackups({
      env: database.env,
      archive,
      place,
      folder: backupsFolderOf(database.folder),
      known: this.backups,
      beside: this.#beside,
      isFirst: !this.#areBackupsKnown,
      onListed: (objects) => {
        this.retired = retiredIn(place, objects, archiveKeepMs(database));
      },
      signal: this.#signal,
    });
    this.#areBackupsKnown = true;
    this.#isExpiryDue ||= copied.length > 0;
    for (const id of copied) {
      const { name } = this.#options.setting;
      const message = `Backup ${id} is in the archive ${name}.`;
      database.jobLog.write('info', 'backup-archived', message, { backup: id, archive: name });
    }
  }

  /**
   * Only while no record is being written: its time may be before now, and what is said must stay true
   * when it is acknowledged.
   */
  async writeHeartbeat(): Promise<void> {
    const { archive, position } = this.#open(false);
    const { database } = this.#options;
    const { log } = database;
    const now = database.env.clock.now();
    const isComplete = log.encodedSeq === position.seq && log.durable.seq === position.seq;
    // A record of this same millisecond may still come.
    const time = now - 1;
    if (!database.isWriter || !isComplete || time < position.time) return;
    const { id: timelineId, timeline } = timelineAt(database.timelines, position.seq);
    const { chain, seq } = position;
    this.#said ??= await readHeartbeat(archive, this.#place());
    const isSame = this.#said?.timelineId === timelineId && this.#said.seq === seq;
    // What was said stays said, also where the clock was set back.
    if (isSame && (this.#said?.time ?? 0) >= time) return;
    // Before it is said: whoever opens the database after a kill must know of it (P9).
    await this.#notBehind(time);
    if (log.encodedSeq !== seq) return;
    const heartbeat = { timeline, timelineId, seq, chain, time };
    const bytes = encodeHeartbeat(heartbeat);
    await archive.replace(heartbeatObject(this.#place()), bytes, { signal: this.#signal });
    this.#said = heartbeat;
    const segment = log.segments().findLast(({ firstSeq }) => firstSeq <= seq);
    const isClosed = position.open === null;
    if (segment !== undefined) {
      await this.#announce(archive, segment, { seq, isClosed, completeUntil: time });
    }
  }

  /** Before what it says is put: nothing is ever there that a follower would not look for. */
  async #announce(
    archive: Archive,
    segment: Segment,
    said: Pick<Announcement, 'seq' | 'isClosed'> & Partial<Announcement>,
  ): Promise<void> {
    const { control, env } = this.#options.database;
    const about = { completeUntil: null, instance: control.instance, time: env.clock.now() };
    const announcement = { ...placeOf(segment), ...about, ...said };
    await announce(archive, this.#place(), announcement, { signal: this.#signal });
  }

  /** What a heartbeat there says of this history holds, also where control.json was lost with its word. */
  async #keepWord(archive: Archive): Promise<void> {
    const { isWriter, timelines } = this.#options.database;
    if (!isWriter) return;
    this.#said = await readHeartbeat(archive, this.#place());
    if (this.#said !== null && this.#said.timelineId === timelines.at(-1)?.id) {
      await this.#notBehind(this.#said.time);
    }
  }

  /** No record gets this time or an earlier one from now on; on disk when it resolves. */
  async #notBehind(time: number): Promise<void> {
    const { database } = this.#options;
    database.log.notBefore(time + 1);
    if ((database.control.saidUntil ?? -1) >= time) return;
    await database.updateControl({ saidUntil: time });
  }

  stopped(): PaminaError {
    const { name } = this.#options.setting;
    return new PaminaError('DATABASE_OFFLINE', `archiving to ${name} has ended`);
  }

  #path(): string {
    const { database, setting } = this.#options;
    return positionPath(database.folder, setting.name);
  }

  #place(): ArchivePlace {
    const { database, setting } = this.#options;
    const { pattern } = database.identity;
    if (pattern !== null) return { database: setting.database, pattern };
    const message = `${setting.database} never had a session: there is nothing to archive`;
    throw new PaminaError('DATABASE_TYPE', message);
  }

  /** The segment that goes on where the archive ends. */
  #current(): Segment | null {
    const position = this.#position;
    if (position === null) return null;
    const { open } = position;
    const firstSeq = open?.firstSeq ?? position.seq + 1;
    const segments = this.#options.database.log.segments();
    // From the end: it is asked after every sync, and most often the last one is meant.
    for (let index = segments.length - 1; index >= 0; index--) {
      const segment = segments[index] as Segment;
      if (segment.firstSeq < firstSeq) return null;
      const isIt = segment.firstSeq === firstSeq && segment.bytes > segmentHeaderBytes;
      if (isIt && (open === null || segment.place.timelineId === open.timelineId)) return segment;
    }
    return null;
  }

  /** There is more, and not where it should be: deleted past the cap, or taken over by a new timeline. */
  #isLost(): boolean {
    return this.#position !== null && this.#options.database.log.durable.seq > this.#position.seq;
  }

  #open(): { archive: Archive; position: ArchivePosition; segment: Segment };
  #open(withSegment: false): { archive: Archive; position: ArchivePosition };
  #open(withSegment = true): {
    archive: Archive;
    position: ArchivePosition;
    segment: Segment | null;
  } {
    const archive = this.#archive;
    const position = this.#position;
    const segment = this.#current();
    if (archive !== null && position !== null && (segment !== null || !withSegment)) {
      return { archive, position, segment };
    }
    // Tried again from the beginning, which says what is wrong.
    throw new PaminaError('LOG_GONE', 'the log that was to be archived is not there any more');
  }

  /** In this order: a hold that is too long costs space, one that is too short costs the log. */
  async #note(position: ArchivePosition): Promise<void> {
    const { database, setting } = this.#options;
    await writePosition(database.env.disk, this.#path(), position);
    this.#position = position;
    const fromSeq = neededFrom(position);
    const progressedAt = database.env.clock.now();
    await changeArchives(database, (archives) =>
      archives.some((one) => one.name === setting.name && one.fromSeq !== fromSeq)
        ? archives.map((one) =>
            one.name === setting.name ? { ...one, fromSeq, progressedAt } : one,
          )
        : archives,
    );
  }
}
