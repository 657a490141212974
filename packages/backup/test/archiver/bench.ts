// What the archiver's tests share: an archive in a folder whose calls are counted and can fail or be the
// last thing that a killed process did, and archivers of a database on it.
import { openArchive, type Archive } from '@pamina/archive';
import type { ArchiveSetting, Database } from '@pamina/engine';
import { PaminaError } from '@pamina/format';
import { afterEach } from 'vitest';
import { changeArchives } from '../../src/archiver/archive-settings.js';
import { ArchiverRunner } from '../../src/archiver/archiver-runner.js';
import type { ArchivePlace } from '../../src/archiver/archive-layout.js';
import { env } from '../support.js';

const runners: ArchiverRunner[] = [];
afterEach(async () => {
  for (const runner of runners.splice(0)) await runner.stop();
});

export interface Hooks {
  /** Before a call; what it throws befalls the call. */
  before?: (operation: string, name: string) => void | Promise<void>;
  /** After a call took effect. */
  after?: (operation: string, name: string) => void | Promise<void>;
}

/** The archive in the folder, with every call seen. */
export async function watchedArchive(
  folder: string,
  hooks: Hooks = {},
  calls: string[] = [],
): Promise<Archive> {
  const archive = await openArchive({
    env,
    address: folder,
    environment: {},
    encryption: null,
    create: true,
  });
  const seen = async <T>(operation: string, name: string, task: () => Promise<T>): Promise<T> => {
    calls.push(`${operation} ${name}`);
    await hooks.before?.(operation, name);
    const result = await task();
    await hooks.after?.(operation, name);
    return result;
  };
  return {
    isEncrypted: archive.isEncrypted,
    recipientsId: archive.recipientsId,
    isForRecipients: (name, call) => archive.isForRecipients(name, call),
    describe: () => archive.describe(),
    putIfAbsent: (name, bytes, call) =>
      seen('put', name, () => archive.putIfAbsent(name, bytes, call)),
    replace: (name, bytes, call) => seen('replace', name, () => archive.replace(name, bytes, call)),
    async *getRange(name, offset, length, call) {
      await seen('get', name, () => Promise.resolve());
      yield* archive.getRange(name, offset, length, call);
    },
    size: (name, call) => seen('size', name, () => archive.size(name, call)),
    list: (prefix, call) => seen('list', prefix, () => archive.list(prefix, call)),
    delete: (name, call) => seen('delete', name, () => archive.delete(name, call)),
  };
}

function settingOf(name: string, folder: string): ArchiveSetting {
  return {
    name,
    address: folder,
    database: 'orders',
    recipients: null,
    identityFile: null,
    credentialsFile: null,
    fromSeq: 0,
  };
}

export interface ArchiverBench {
  readonly database: Database;
  readonly folder: string;
  readonly name?: string;
  readonly hooks?: Hooks;
  readonly calls?: string[];
  readonly intervalMs?: number;
  readonly open?: () => Promise<Archive>;
  readonly isKilled?: boolean;
}

/** An archiver of the database, entered in its control file, not started. */
export async function archiverOf(options: ArchiverBench): Promise<ArchiverRunner> {
  const { calls, database, folder, hooks, intervalMs, name = 'main' } = options;
  const setting = settingOf(name, folder);
  await changeArchives(database, (archives) =>
    archives.some((one) => one.name === name) ? archives : [...archives, setting],
  );
  const open = options.open ?? (() => watchedArchive(folder, hooks, calls));
  const runner = new ArchiverRunner({ database, setting, open, intervalMs: intervalMs ?? 60_000 });
  // One that is killed ends no more.
  if (options.isKilled !== true) runners.push(runner);
  return runner;
}

export function placeOf(database: Database): ArchivePlace {
  return { database: 'orders', pattern: String(database.identity.pattern) };
}

export function unavailable(): PaminaError {
  return new PaminaError('ARCHIVE_UNAVAILABLE', 'the storage is away');
}
