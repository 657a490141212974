// LevelDB's own files, as scrubbing and physical backups read them: a table, and a MANIFEST.
import { viewOf } from '@pamina/format';
import {
  ByteCursor,
  MalformedBytes,
  encodeVarint,
} from '../../../packages/backup/src/level/byte-cursor.js';
import { crc32c, maskChecksum } from '../../../packages/backup/src/level/crc32c.js';
import { readManifest } from '../../../packages/backup/src/level/manifest.js';
import { TableCheck } from '../../../packages/backup/src/level/table-check.js';
import { footerBytes, readTableLayout } from '../../../packages/backup/src/level/table-layout.js';
import { Broken, hold, type Target } from '../target.js';
import { joined, textBytes } from './forms.js';

const magic = Uint8Array.of(0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb);
const logHeaderBytes = 7;

function withChecksum(checked: Uint8Array): Uint8Array {
  const checksum = new Uint8Array(4);
  viewOf(checksum).setUint32(0, maskChecksum(crc32c(checked)), true);
  return checksum;
}

/** A block, not compressed, with its trailer. */
function blockOf(entries: readonly (readonly [Uint8Array, Uint8Array])[]): Uint8Array {
  const parts = entries.map(([key, value]) =>
    joined(Uint8Array.of(0, key.length, ...encodeVarint(value.length)), key, value),
  );
  const content = joined(...parts, Uint8Array.of(0, 0, 0, 0, 1, 0, 0, 0, 0));
  return joined(content, withChecksum(content));
}

function tableOf(blocks: number): Uint8Array {
  const key = (index: number): Uint8Array => joined(textBytes(`key-${index}`), new Uint8Array(8));
  const handles: (readonly [Uint8Array, Uint8Array])[] = [];
  let table: Uint8Array = new Uint8Array();
  const add = (block: Uint8Array): Uint8Array => {
    const handle = [...encodeVarint(table.length), ...encodeVarint(block.length - 5)];
    table = joined(table, block);
    return Uint8Array.from(handle);
  };
  for (let index = 0; index < blocks; index++) {
    handles.push([key(index), add(blockOf([[key(index), textBytes('value'.repeat(index))]]))]);
  }
  const metaIndex = add(blockOf([[textBytes('filter.f'), add(blockOf([]))]]));
  const index = add(blockOf(handles));
  const numbers = joined(metaIndex, index);
  return joined(table, numbers, new Uint8Array(footerBytes - 8 - numbers.length), magic);
}

/** Checksums of the two indexes: what is read before any data. */
function sealTable(bytes: Uint8Array): void {
  if (bytes.length < footerBytes) return;
  bytes.set(magic, bytes.length - magic.length);
  try {
    const cursor = new ByteCursor(bytes.subarray(bytes.length - footerBytes));
    for (let block = 0; block < 2; block++) {
      const [offset, length] = [cursor.varint(), cursor.varint()];
      const end = offset + length + 1;
      if (end + 4 <= bytes.length) bytes.set(withChecksum(bytes.subarray(offset, end)), end);
    }
  } catch (error) {
    // A footer that cannot be read has nothing behind it.
    if (!(error instanceof MalformedBytes)) throw error;
  }
}

const table: Target = {
  name: 'level-table',
  about: 'a table of LevelDB: footer, indexes, and the checksum of each block',
  seeds: [tableOf(0), tableOf(1), tableOf(5)],
  seal: sealTable,
  codes: ['STORE_DAMAGED'],
  share: 0.2,
  async run(bytes) {
    const layout = await readTableLayout(fileOf(bytes));
    const sum = layout.blockBytes.reduce((total, block) => total + block + 5, footerBytes);
    hold(sum === bytes.length, 'the blocks of a table account for every byte');
    let damage = 0;
    const check = new TableCheck(layout, ({ offset }) => {
      hold(offset < bytes.length, 'damage is within the file');
      damage++;
    });
    for (let at = 0; at < bytes.length; at += 100) check.update(bytes.subarray(at, at + 100));
    check.finish();
    return `blocks ${Math.min(layout.blockBytes.length, 8)}, damaged ${Math.min(damage, 2)}`;
  },
};

function fileOf(bytes: Uint8Array): Parameters<typeof readTableLayout>[0] {
  const refuse = (): Promise<never> => Promise.reject(new Broken('a reader changes nothing'));
  return {
    path: 'table',
    read: (into, at) => {
      const found = bytes.subarray(at, at + into.length);
      into.set(found);
      return Promise.resolve(found.length);
    },
    size: () => Promise.resolve(bytes.length),
    close: () => Promise.resolve(),
    write: refuse,
    datasync: refuse,
    sync: refuse,
    truncate: refuse,
  };
}

function recordOf(content: Uint8Array): Uint8Array {
  const header = new Uint8Array(logHeaderBytes);
  viewOf(header).setUint16(4, content.length, true);
  header[6] = 1;
  header.set(withChecksum(joined(header.subarray(6), content)));
  return joined(header, content);
}

const fields = {
  begin: [1, 3, 97, 98, 99, 2, 3, 9, 0, 3, 9, 4, 20],
  add: [7, 0, 5, 100, 1, 97, 1, 122, 7, 1, 6, 100, 1, 97, 1, 122],
  move: [5, 0, 1, 97, 6, 0, 5, 7, 2, 5, 100, 1, 97, 1, 122, 2, 8],
} as const;

function sealLog(bytes: Uint8Array): void {
  const view = viewOf(bytes);
  for (let at = 0; at + logHeaderBytes <= bytes.length;) {
    const end = at + logHeaderBytes + view.getUint16(at + 4, true);
    if (end > bytes.length) return;
    bytes.set(withChecksum(bytes.subarray(at + 6, end)), at);
    at = end;
  }
}

const manifest: Target = {
  name: 'level-manifest',
  about: 'a MANIFEST of LevelDB: its records and what they say is live',
  seeds: [[fields.begin], [fields.begin, fields.add], [fields.begin, fields.add, fields.move]].map(
    (records) => joined(...records.map((record) => recordOf(Uint8Array.from(record)))),
  ),
  seal: sealLog,
  codes: ['STORE_DAMAGED'],
  run(bytes) {
    const read = readManifest('MANIFEST', bytes);
    hold(read.bytes <= bytes.length, 'whole records are within the file');
    const again = readManifest('MANIFEST', bytes.subarray(0, read.bytes));
    hold(again.tables.length === read.tables.length, 'a torn tail says nothing');
    return `tables ${Math.min(read.tables.length, 4)}, torn ${read.bytes < bytes.length}`;
  },
};

export const levelBytes: readonly Target[] = [table, manifest];
