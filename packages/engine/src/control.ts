// control.json: what is local to this copy of a database and must be known before its store and log
// are opened. Replaced whole, so that a crash leaves the old or the new one (P8).
import { join } from 'node:path';
import { PaminaError, isHex, validateName, validateTimelines, type Timeline } from '@pamina/format';
import type { Disk } from '@pamina/env';
import type { ApplyRule } from './apply-rule.js';
import { controlInvalid, parseFields, printChecked, verified } from './checked-json.js';

export type DatabaseType = 'normal' | 'replica' | 'unassigned';

/** An archive that this copy is kept in. Addresses and paths alone: no credential stands here. */
export interface ArchiveSetting {
  readonly name: string;
  readonly address: string;
  /** Under which its objects stand: the database's name when the archive was added. */
  readonly database: string;
  /** Public keys; null for an archive that is not encrypted. */
  readonly recipients: readonly string[] | null;
  readonly identityFile: string | null;
  readonly credentialsFile: string | null;
  /** Oldest record that is not in the archive, as part of a closed segment: log from there on is kept (P10). */
  readonly fromSeq: number;
  /** When it got something last, or was added, ms since 1970; left out by older versions. */
  readonly progressedAt?: number | undefined;
}

/** The archive that a replica follows while its master cannot be followed. No credential stands here. */
export interface SourceArchive {
  readonly address: string;
  /** Under which the log stands there. */
  readonly database: string;
  readonly identityFile: string | null;
  readonly credentialsFile: string | null;
  /** Between two looks at an archive that says nothing by itself. */
  readonly pollMs: number;
  /** How long the master must be out of reach before the archive is followed. */
  readonly afterMs: number;
}

/** Writes are refused: another database is to take this one's place, or has taken it (P11). */
export interface Fence {
  /** ms since 1970 */
  readonly since: number;
  /** Name of the database that is to take over; of the one that has, once it has. */
  readonly successor: string;
  readonly takenOver: boolean;
}

/** Of a database that took the place of another: what of it is done. */
export interface Takeover {
  readonly of: string;
  /** What it was called as a replica. */
  readonly formerName: string;
  /** ms since 1970 */
  readonly since: number;
  /** The last record that both have. */
  readonly atSeq: number;
  readonly finished: boolean;
}

export interface Control {
  readonly formatVersion: 1;
  readonly name: string;
  readonly type: DatabaseType;
  /** 32 hex digits; every copy has its own. */
  readonly instance: string;
  /** Name of the master of a replica. */
  readonly master: string | null;
  readonly readOnly: boolean;
  readonly simultaneousQuery: boolean;
  readonly timelines: readonly Timeline[];
  /** Identification pattern; null until the first session or backup of the original database. */
  readonly pattern: string | null;
  /** The state that this copy was laid out with: its log begins with the record after it. */
  readonly base: { readonly seq: number; readonly chain: number; readonly time: number };
  /** Session of the last record of the base; the next one is higher. */
  readonly session: number;
  readonly createdAt: number;
  /** Oldest record that the kept backups need; null while there is none but the initial one. */
  readonly keepFromSeq: number | null;
  /** Name of the master that this database followed until it became normal. */
  readonly formerMaster: string | null;
  /** None where it is left out, as older versions did. */
  readonly archives?: readonly ArchiveSetting[];
  /** Of a replica: when it applies what it received; at once where it is left out or null. */
  readonly apply?: (ApplyRule & { readonly since: number }) | null;
  /** Of a replica; none where it is left out or null. */
  readonly sourceArchive?: SourceArchive | null | undefined;
  /** Of a normal database; none where it is left out or null. */
  readonly fence?: Fence | null | undefined;
  /** None where it is left out or null. */
  readonly takeover?: Takeover | null | undefined;
  /**
   * An archive was told that nothing else was committed until then, ms since 1970: no record of this copy gets
   * this time or an earlier one, wherever the clock goes. Left out while nothing was said.
   */
  readonly saidUntil?: number | undefined;
  /** Of a replica: how long replay waits for queries; the default where it is left out. */
  readonly maxReplayWaitMs?: number | undefined;
  /** Of a replica: it makes itself anew where it would stay behind for ever; not where it is left out or null. */
  readonly onTerminal?: OnTerminal | null;
}

/** When it did so last, ms since 1970: it does so a limited number of times. */
export interface OnTerminal {
  readonly recreatedAt: readonly number[];
}

const fileName = 'control.json';

function controlPath(folder: string): string {
  return join(folder, fileName);
}

/** Null if the folder holds no database. CONTROL_INVALID, FORMAT_UNKNOWN. */
export async function readControl(disk: Disk, folder: string): Promise<Control | null> {
  const bytes = await disk.readFileIfPresent(controlPath(folder));
  if (bytes === null) return null;
  const path = controlPath(folder);
  const all = parseFields(bytes, path);
  if (all['formatVersion'] !== 1) {
    const version = JSON.stringify(all['formatVersion'] ?? null).slice(0, 40);
    throw new PaminaError('FORMAT_UNKNOWN', `${path} has format ${version}`, {
      context: { file: path, version },
    });
  }
  const fields = verified(all, path);
  const fault = firstFault(fields);
  if (fault !== null) throw controlInvalid(path, `the field ${fault} is not valid`);
  try {
    validateTimelines(fields['timelines']);
    validateName(fields['name']);
  } catch (cause) {
    throw controlInvalid(path, 'a field is not valid', cause);
  }
  return fields as unknown as Control;
}

export async function writeControl(disk: Disk, folder: string, control: Control): Promise<void> {
  await disk.replaceFile(controlPath(folder), printChecked(control));
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
const isText = (value: unknown): boolean => typeof value === 'string';
const isFlag = (value: unknown): boolean => typeof value === 'boolean';
const orNull =
  (check: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    value === null || check(value);

const checks: Record<Exclude<keyof Control, 'formatVersion'>, (value: unknown) => boolean> = {
  name: isText,
  type: (value) => value === 'normal' || value === 'replica' || value === 'unassigned',
  instance: (value) => typeof value === 'string' && isHex(value, 32),
  master: orNull(isText),
  readOnly: isFlag,
  simultaneousQuery: isFlag,
  timelines: (value) => Array.isArray(value),
  pattern: orNull((value) => typeof value === 'string' && isHex(value, 32)),
  base: isPoint,
  session: isCount,
  createdAt: isCount,
  keepFromSeq: orNull(isCount),
  formerMaster: orNull(isText),
  archives: (value) => value === undefined || (Array.isArray(value) && value.every(isArchive)),
  apply: (value) => value === undefined || value === null || isApplyRule(value),
  sourceArchive: (value) => value === undefined || value === null || isSourceArchive(value),
  fence: (value) => value === undefined || value === null || isFence(value),
  takeover: (value) => value === undefined || value === null || isTakeover(value),
  saidUntil: (value) => value === undefined || isCount(value),
  maxReplayWaitMs: (value) => value === undefined || isCount(value),
  onTerminal: (value) => value === undefined || value === null || isOnTerminal(value),
};

function isFence(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { since, successor, takenOver } = value as Record<string, unknown>;
  return isCount(since) && isText(successor) && isFlag(takenOver);
}

function isTakeover(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { of, formerName, since, atSeq, finished } = value as Record<string, unknown>;
  return [of, formerName].every(isText) && isCount(since) && isCount(atSeq) && isFlag(finished);
}

function isOnTerminal(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { recreatedAt } = value as Record<string, unknown>;
  return Array.isArray(recreatedAt) && recreatedAt.every(isCount);
}

function isApplyRule(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { delayMs, paused, since } = value as Record<string, unknown>;
  return isCount(delayMs) && isFlag(paused) && isCount(since);
}

function isArchive(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const {
    name,
    address,
    database,
    recipients,
    identityFile,
    credentialsFile,
    fromSeq,
    progressedAt,
  } = value as Record<string, unknown>;
  return (
    [name, address, database].every(isText) &&
    orNull((keys) => Array.isArray(keys) && keys.every(isText))(recipients) &&
    [identityFile, credentialsFile].every(orNull(isText)) &&
    isCount(fromSeq) &&
    (progressedAt === undefined || isCount(progressedAt))
  );
}

function isSourceArchive(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { address, afterMs, credentialsFile, database, identityFile, pollMs } = value as Record<
    string,
    unknown
  >;
  return (
    [address, database].every(isText) &&
    [identityFile, credentialsFile].every(orNull(isText)) &&
    [afterMs, pollMs].every(isCount)
  );
}

function isPoint(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { seq, chain, time } = value as Record<string, unknown>;
  return isCount(seq) && isCount(chain) && isCount(time);
}

function firstFault(fields: Readonly<Record<string, unknown>>): string | null {
  for (const [name, check] of Object.entries(checks)) {
    if (!check(fields[name])) return name;
  }
  return null;
}
