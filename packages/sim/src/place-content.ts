// What stands in a place that recoveries take from, read with the format alone: which states there are
// and which records lead on from them must not be told by the code that plans recoveries.

import { PaminaError, decodeManifest, type BackupManifest } from '@pamina/format';
import type { HeldBackup, LoggedRecord, PlaceContent } from './history.js';
import { readSegments, type KnownRecords, type SegmentBytes } from './log-files.js';
import type { HostDisk } from './world/disk/host-disk.js';

/** A backup and the records that lead on from it without a gap. */
export interface Way {
  readonly backup: HeldBackup;
  readonly records: readonly LoggedRecord[];
  readonly endSeq: number;
}

interface FoundManifest {
  readonly folder: string;
  readonly manifest: BackupManifest;
}

/** Backups and log of a database; of a log that is in use, up to record `lastSeq`. */
export function contentOfDatabase(
  disk: HostDisk,
  folder: string,
  known: KnownRecords,
  lastSeq = Infinity,
): PlaceContent {
  const inLog = segmentsIn(disk, `${folder}/log`);
  const { backups, records } = contentOfBackups(disk, `${folder}/backups`, known);
  return { backups, records: joined(records, recordsOf(inLog, known, lastSeq)) };
}

/** A folder of backups alone: the log is what incremental ones hold. */
export function contentOfBackups(
  disk: HostDisk,
  folder: string,
  known: KnownRecords,
): PlaceContent {
  const found = manifestsIn(disk, folder);
  const segments = found
    .filter(({ manifest }) => manifest.kind === 'incremental')
    .flatMap((backup) => segmentsIn(disk, backup.folder));
  return { backups: heldBackups(found), records: joined(recordsOf(segments, known)) };
}

/** What an archive in a folder holds of the databases that bore a name. */
export function contentOfArchive(
  disk: HostDisk,
  folder: string,
  name: string,
  known: KnownRecords,
): PlaceContent {
  const prefix = `${folder}/${name}/`;
  const paths = disk.files(`${folder}/${name}`);
  const found = new Map(paths.map((path) => [path.slice(prefix.length), path]));
  const manifests = [...found].flatMap(([file, path]) => {
    const isRetired = found.has(file.replace(/manifest$/, 'retired'));
    if (!/^[0-9a-f]{32}\/backups\/[^/]+\/manifest$/.test(file) || isRetired) return [];
    return manifestAt(disk, path) ?? [];
  });
  const records = recordsOf(archivedSegments(disk, found), known);
  return { backups: heldBackups(manifests), records: joined(records) };
}

/** Every state of a place with what it leads to, the oldest first. */
export function waysIn({ backups, records }: PlaceContent): Way[] {
  const behind = new Map(records.map((record) => [placeBehind(record), record]));
  const states = backups.filter(({ kind }) => kind !== 'incremental');
  return states.map((backup) => {
    const way: LoggedRecord[] = [];
    let { seq, chain } = backup;
    for (;;) {
      const next = behind.get(`${seq}#${chain}`);
      if (next === undefined) return { backup, records: way, endSeq: seq };
      way.push(next);
      ({ seq, chain } = next);
    }
  });
}

function placeBehind({ seq, chainBefore }: LoggedRecord): string {
  return `${seq - 1}#${chainBefore}`;
}

function manifestsIn(disk: HostDisk, folder: string): FoundManifest[] {
  return disk.files(folder).flatMap((path) => {
    const isPublished = /^(initial|\d+-\d+(-\d+)?)\/manifest$/.test(path.slice(folder.length + 1));
    return (isPublished ? manifestAt(disk, path) : null) ?? [];
  });
}

/** Null for one that was damaged on purpose. */
function manifestAt(disk: HostDisk, path: string): FoundManifest | null {
  try {
    const manifest = decodeManifest(disk.cachedBytes(path) ?? new Uint8Array(0));
    return { folder: path.slice(0, -'/manifest'.length), manifest };
  } catch (error) {
    if (!(error instanceof PaminaError)) throw error;
    return null;
  }
}

function heldBackups(found: readonly FoundManifest[]): HeldBackup[] {
  return found
    .map(({ manifest }): HeldBackup => {
      const { id, kind, position, chain, createdAt, tag } = manifest;
      return { id, kind, seq: position.seq, chain, time: createdAt, tag };
    })
    .sort((one, other) => one.seq - other.seq);
}

function segmentsIn(disk: HostDisk, folder: string): SegmentBytes[] {
  return disk.files(folder).flatMap((path) => {
    const bytes = path.endsWith('.seg') ? disk.cachedBytes(path) : null;
    return bytes === null ? [] : [{ name: path, bytes }];
  });
}

/** Closed ones, and of others what their pieces give from the beginning on. */
function archivedSegments(disk: HostDisk, found: ReadonlyMap<string, string>): SegmentBytes[] {
  const closed: SegmentBytes[] = [];
  const pieces = new Map<string, { from: number; path: string }[]>();
  for (const [file, path] of found) {
    const match = /^(.*\/log\/.*\/\d{16})\.(?:seg|(\d+)-\d+\.part)$/.exec(file);
    if (match === null) continue;
    const name = String(match[1]);
    if (match[2] !== undefined) {
      pieces.set(name, [...(pieces.get(name) ?? []), { from: Number(match[2]), path }]);
      continue;
    }
    closed.push({ name, bytes: disk.cachedBytes(path) ?? new Uint8Array(0) });
  }
  const isClosed = new Set(closed.map(({ name }) => name));
  const open = [...pieces].filter(([name]) => !isClosed.has(name));
  return [...closed, ...open.map(([name, parts]) => ({ name, bytes: joinPieces(disk, parts) }))];
}

/** Pieces may overlap: they are parts of one file. */
function joinPieces(
  disk: HostDisk,
  pieces: readonly { readonly from: number; readonly path: string }[],
): Uint8Array {
  let bytes = Buffer.alloc(0);
  for (const { from, path } of pieces.toSorted((one, other) => one.from - other.from)) {
    const piece = disk.cachedBytes(path) ?? new Uint8Array(0);
    const isFitting = from <= bytes.length && from + piece.length > bytes.length;
    if (isFitting) bytes = Buffer.concat([bytes, piece.subarray(bytes.length - from)]);
  }
  return bytes;
}

function recordsOf(
  segments: readonly SegmentBytes[],
  known: KnownRecords,
  lastSeq = Infinity,
): LoggedRecord[] {
  return segments
    .flatMap((segment) => readSegments([segment], known, lastSeq).records)
    .filter(({ seq }) => seq <= lastSeq);
}

function joined(...lists: readonly (readonly LoggedRecord[])[]): LoggedRecord[] {
  const byPlace = new Map(lists.flat().map((record) => [`${record.seq}#${record.chain}`, record]));
  return [...byPlace.values()].sort((one, other) => one.seq - other.seq);
}
