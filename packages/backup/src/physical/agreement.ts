// Whether the files of a physical backup are exactly those that its MANIFEST names: LevelDB opens a folder
// with a log too few, and without what was in it.
import { isManifestTable, type BackupTable } from '@pamina/format';
import { chunkInvalid } from '../chunk-format.js';
import { damageOf } from '../level/damage.js';
import { readManifest, type LevelManifest } from '../level/manifest.js';
import { tableNames } from '../level/store-files.js';

/** `bytes` are those of the MANIFEST. BACKUP_INVALID. */
export function requireAgreement(tables: readonly BackupTable[], bytes: Uint8Array): void {
  const manifest = read(tables, bytes);
  const sizes = new Map<string, number>();
  for (const table of tables) {
    sizes.set(table.name, (sizes.get(table.name) ?? 0) + table.bytes);
  }
  for (const live of manifest.tables) {
    const name = tableNames(live.number).find((known) => sizes.has(known));
    if (name === undefined || sizes.get(name) !== live.bytes) {
      throw invalid(tables, `the table ${live.number} is missing or has another size`);
    }
    sizes.delete(name);
  }
  for (const name of sizes.keys()) {
    const number = Number(/^([0-9]+)\.log$/.exec(name)?.[1] ?? -1);
    const isLiveLog = number >= manifest.logNumber || number === manifest.previousLogNumber;
    const isKnown = name.startsWith('MANIFEST-') || (number >= 0 && isLiveLog);
    if (!isKnown) throw invalid(tables, `the MANIFEST does not name ${name}`);
  }
  // Created together with the number; a store without it was never opened.
  if (![...sizes.keys()].some((name) => name.endsWith('.log'))) {
    throw invalid(tables, 'its log is missing');
  }
}

function read(tables: readonly BackupTable[], bytes: Uint8Array): LevelManifest {
  try {
    return readManifest('MANIFEST', bytes);
  } catch (error) {
    const damage = damageOf(error);
    if (damage === null) throw error;
    throw invalid(
      tables,
      `the MANIFEST is damaged at byte ${damage.offset}: ${damage.what}`,
      error,
    );
  }
}

function invalid(tables: readonly BackupTable[], what: string, cause?: unknown): Error {
  return chunkInvalid(tables.find(isManifestTable)?.file ?? 'MANIFEST', what, cause);
}
