// Verifies the files of a physical backup where they are: each is what its name says, and together they
// are what their MANIFEST names. Their blocks were proved before they were given these names.
import { isManifestTable } from '@pamina/format';
import type { OpenedBackup } from '../open-backup.js';
import { orderedParallel } from '../ordered-parallel.js';
import type { VerifyOptions } from '../verify.js';
import { requireAgreement } from './agreement.js';
import { fetchTable } from './fetch-table.js';

const underWay = { countMax: 2, weightMax: Infinity, weigh: () => 0 };

/** The bytes that were read. BACKUP_INVALID names the first file that is wrong. */
export async function verifyTables(backup: OpenedBackup, options: VerifyOptions): Promise<number> {
  const { source } = backup;
  const { isKnown, onProgress, signal } = options;
  const tables = backup.manifest.tables ?? [];
  // The MANIFEST of the store is read each time: it says which tables there must be.
  const wanted = tables.filter((table) => isManifestTable(table) || isKnown?.(table.file) !== true);
  const files = new Map(wanted.map((table) => [table.file, table]));
  const total = [...files.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  const manifest: Uint8Array[] = [];
  let done = 0;
  const read = orderedParallel(files.values(), underWay, (table) =>
    fetchTable(table, {
      source,
      signal,
      take: (bytes) => {
        if (isManifestTable(table)) manifest.push(bytes.slice());
        done += bytes.length;
        onProgress?.({ done, total, entries: 0 });
      },
    }),
  );
  for await (const _ of read) signal?.throwIfAborted();
  requireAgreement(tables, Buffer.concat(manifest));
  return done;
}
