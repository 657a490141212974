// The files of a physical backup in its manifest: LevelDB's own, each named by what it holds, so that
// one that several backups share is stored once.
import { FieldReader } from './fields.js';
import { bytesToHex, hexToBytes } from './hex.js';
import { backupTableBytesMax, manifestBytesMax } from './limits.js';

export interface BackupTable {
  /** Of the file beside the manifest: its sha256 and the kind of file. */
  readonly file: string;
  readonly bytes: number;
  /** Of the file, 64 lowercase hex digits. */
  readonly sha256: string;
  /** Name in the store. Files of one name that follow each other are its pieces. */
  readonly name: string;
}

const namePattern = /^(?:[0-9]{6,16}\.(ldb|sst|log)|MANIFEST-[0-9]{6,16})$/;
const nameLengthMax = 32;
const sha256Bytes = 32;
/** No file takes fewer bytes in a manifest. */
const tablesMax = manifestBytesMax / 32;

/** What a file with this content is called in a backup; `name` is the one in the store. */
export function backupTableFile(sha256: string, name: string): string {
  return `${sha256}.${namePattern.exec(name)?.[1] ?? 'manifest'}`;
}

export function isManifestTable(table: BackupTable): boolean {
  return table.name.startsWith('MANIFEST-');
}

export function writeTables(tables: readonly BackupTable[]): unknown[] {
  return tables.map(({ name, bytes, sha256 }) => [name, bytes, hexToBytes(sha256)]);
}

/** Exactly one MANIFEST; pieces of one file stand together. Throws as `fields` does. */
export function readTables(fields: FieldReader): BackupTable[] {
  const tables = fields.list('tables', tablesMax).map((item) => {
    if (!Array.isArray(item) || item.length !== 3) throw fields.invalid('tables');
    const [name, bytes, sha256] = item as unknown[];
    return readTable(new FieldReader({ name, bytes, sha256 }, 'MANIFEST_INVALID', 'a table'));
  });
  const seen = new Set<string>();
  for (const [index, { name }] of tables.entries()) {
    if (name !== tables[index - 1]?.name && seen.has(name)) throw fields.invalid('tables');
    seen.add(name);
  }
  const manifests = new Set(tables.filter(isManifestTable).map(({ name }) => name));
  if (manifests.size !== 1) throw fields.invalid('tables');
  return tables;
}

function readTable(table: FieldReader): BackupTable {
  const name = table.text('name', nameLengthMax, namePattern);
  const bytes = table.count('bytes');
  const hash = table.bytes('sha256', sha256Bytes);
  if (bytes > backupTableBytesMax) throw table.invalid('bytes');
  if (hash.length !== sha256Bytes) throw table.invalid('sha256');
  const sha256 = bytesToHex(hash);
  return { file: backupTableFile(sha256, name), bytes, sha256, name };
}
