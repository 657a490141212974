// LevelDB's own list of what is live: each record of its MANIFEST changes a set of tables and numbers.
import { ByteCursor, MalformedBytes } from './byte-cursor.js';
import { damageError } from './damage.js';
import { LogCheck } from './log-check.js';

export interface LiveTable {
  readonly number: number;
  readonly level: number;
  readonly bytes: number;
}

export interface LevelManifest {
  /** By number. */
  readonly tables: readonly LiveTable[];
  /** Logs with this number or a later one are live. */
  readonly logNumber: number;
  /** And this one; 0 for none. */
  readonly previousLogNumber: number;
  /** Of the file, up to the end of its last whole record: what follows was being written. */
  readonly bytes: number;
}

/** Of a field in a record. */
const tags = {
  comparator: 1,
  logNumber: 2,
  nextFileNumber: 3,
  lastSequence: 4,
  compactPointer: 5,
  deletedFile: 6,
  newFile: 7,
  previousLogNumber: 9,
} as const;

/** `bytes` is the whole file. STORE_DAMAGED. */
export function readManifest(file: string, bytes: Uint8Array): LevelManifest {
  const state = new ManifestState();
  const check = new LogCheck({
    file,
    onRecord: (pieces) => {
      const offset = check.wholeBytes;
      try {
        state.apply(new ByteCursor(Buffer.concat(pieces)));
      } catch (error) {
        if (!(error instanceof MalformedBytes)) throw error;
        throw damageError({ file, offset, bytes: null, what: error.message, lastKey: null }, error);
      }
    },
    onDamage: (damage) => {
      throw damageError(damage);
    },
  });
  check.update(bytes);
  if (!state.isWhole) {
    const what = 'it does not say which files are live';
    throw damageError({ file, offset: check.wholeBytes, bytes: null, what, lastKey: null });
  }
  const tables = [...state.tables.values()].toSorted((one, other) => one.number - other.number);
  const { logNumber, previousLogNumber } = state;
  return { tables, logNumber, previousLogNumber, bytes: check.wholeBytes };
}

class ManifestState {
  /** By level and number: one table may move from level to level. */
  readonly tables = new Map<string, LiveTable>();
  logNumber = 0;
  previousLogNumber = 0;
  readonly #seen = new Set<number>();

  /** What LevelDB itself demands before it opens. */
  get isWhole(): boolean {
    const { logNumber, nextFileNumber, lastSequence } = tags;
    return [logNumber, nextFileNumber, lastSequence].every((tag) => this.#seen.has(tag));
  }

  apply(cursor: ByteCursor): void {
    const deleted: string[] = [];
    const added: LiveTable[] = [];
    while (cursor.left > 0) {
      const tag = cursor.varint();
      this.#seen.add(tag);
      if (tag === tags.comparator) cursor.string();
      else if (tag === tags.logNumber) this.logNumber = cursor.varint();
      else if (tag === tags.previousLogNumber) this.previousLogNumber = cursor.varint();
      else if (tag === tags.nextFileNumber || tag === tags.lastSequence) cursor.varint();
      else if (tag === tags.compactPointer) {
        cursor.varint();
        cursor.string();
      } else if (tag === tags.deletedFile) {
        const [level, number] = [cursor.varint(), cursor.varint()];
        deleted.push(keyOf(level, number));
      } else if (tag === tags.newFile) added.push(readNewFile(cursor));
      else throw new MalformedBytes(`a record has a field of the unknown kind ${tag}`);
    }
    // One record may take a table from one level and put it into another.
    for (const key of deleted) this.tables.delete(key);
    for (const table of added) this.tables.set(keyOf(table.level, table.number), table);
  }
}

function readNewFile(cursor: ByteCursor): LiveTable {
  const [level, number, bytes] = [cursor.varint(), cursor.varint(), cursor.varint()];
  // The smallest and the largest key.
  cursor.string();
  cursor.string();
  return { level, number, bytes };
}

function keyOf(level: number, number: number): string {
  return `${level}/${number}`;
}
