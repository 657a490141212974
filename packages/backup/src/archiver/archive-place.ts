// An archive as a place that a database is recovered from: its backups and its log.
import { isPaminaError, PaminaError } from '@pamina/format';
import type { Archive } from '@pamina/archive';
import { unreadIn } from '../read-failure.js';
import type { RecoveryPlace } from '../recover/place.js';
import {
  archiveBackupSource,
  listArchivedBackups,
  type ArchivedBackup,
} from './archive-backups.js';
import { placesIn, type ArchivePlace } from './archive-layout.js';
import { archiveLogSource } from './archive-log-source.js';

export interface ArchivePlaceOptions {
  /** As the database was called when it was archived. */
  readonly name: string;
  /** Its identification pattern, where it is known; needed where several databases bore the name. */
  readonly pattern: string | null;
  readonly signal?: AbortSignal | undefined;
}

/** BACKUP_NOT_FOUND says what the archive has instead; ARCHIVE_CONFLICT where the name is not enough. */
export async function archivePlace(
  archive: Archive,
  options: ArchivePlaceOptions,
): Promise<RecoveryPlace> {
  const place = await findArchivePlace(archive, options);
  const { signal } = options;
  const list = (): Promise<ArchivedBackup[]> => listArchivedBackups(archive, place, signal);
  return {
    describe: () => `${archive.describe()} (${place.database})`,
    async sealed() {
      return (await list()).flatMap(({ id, problem }) =>
        isPaminaError(problem, 'ARCHIVE_KEY_INVALID') ? [{ id, problem }] : [],
      );
    },
    async backups() {
      const listed = await list();
      const whole = listed.flatMap(({ bytes, id, manifest, problem, stateHash }) => {
        if (manifest === null || problem !== null) return [];
        const source = archiveBackupSource(archive, place, id, signal);
        return [{ id, bytes, manifest, stateHash, source }];
      });
      return { whole, unread: unreadIn(listed) };
    },
    logs: [archiveLogSource(archive, place)],
    history: null,
    pattern: place.pattern,
  };
}

/** BACKUP_NOT_FOUND, ARCHIVE_CONFLICT. */
export async function findArchivePlace(
  archive: Archive,
  options: ArchivePlaceOptions,
): Promise<ArchivePlace> {
  const { name, pattern, signal } = options;
  const places = placesIn(await archive.list(`${name}/`, { signal }));
  const fitting = places.filter((place) => pattern === null || place.pattern === pattern);
  const [found, another] = fitting;
  if (found !== undefined && another === undefined) return found;
  if (found !== undefined) {
    const patterns = fitting.map((place) => place.pattern);
    const message = `${archive.describe()} holds ${patterns.length} databases that bore the name ${name}`;
    throw new PaminaError('ARCHIVE_CONFLICT', message, {
      context: { name, patterns },
      hint: `Say which one by its identification pattern behind the address: #${patterns.join(' or #')}.`,
    });
  }
  const all = placesIn(await archive.list('', { signal })).map(({ database }) => database);
  const what = all.length === 0 ? 'nothing' : [...new Set(all)].join(', ');
  const message = `${archive.describe()} has nothing of ${name}; it has ${what}`;
  throw new PaminaError('BACKUP_NOT_FOUND', message, {
    context: { name, archive: archive.describe() },
    hint: 'Give the name that the database had when it was archived, and --as for another one here.',
  });
}
