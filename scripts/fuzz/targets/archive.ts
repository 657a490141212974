// What comes back from an archive, or is said of one: addresses, lists of object storage, files of age,
// heartbeats, positions.
import { parseArchiveAddress, formatArchiveAddress, type Archive } from '@pamina/archive';
import type { Disk } from '@pamina/env';
import { crc32 } from '@pamina/format';
import {
  headerLength,
  openChunk,
  plainBytesOf,
} from '../../../packages/archive/src/age/age-layout.js';
import { parseErrorCode, parseListPage } from '../../../packages/archive/src/s3/xml.js';
import {
  groupSegments,
  leadingPieces,
} from '../../../packages/backup/src/archiver/archive-layout.js';
import { readPosition } from '../../../packages/backup/src/archiver/archive-position.js';
import { encodeHeartbeat, readHeartbeat } from '../../../packages/backup/src/archiver/heartbeat.js';
import { hold, type Target } from '../target.js';
import { textBytes, textOf } from './forms.js';
import { pattern } from './samples.js';

const place = { database: 'orders', pattern };

const address: Target = {
  name: 'archive-address',
  about: 'where an archive is',
  seeds: [
    '/srv/archive',
    'file:///srv/a',
    's3://bucket/a/b?endpoint=https://host:9000&region=eu-1',
  ].map(textBytes),
  words: ['s3://', 'file://', 'endpoint=', 'region=', '../', '@', '#', 'user:password@', '%2e%2e'],
  codes: ['ARCHIVE_ADDRESS_INVALID'],
  run(bytes) {
    const parsed = parseArchiveAddress(textOf(bytes));
    const text = formatArchiveAddress(parsed);
    hold(
      formatArchiveAddress(parseArchiveAddress(text)) === text,
      'a printed address means the same',
    );
    return parsed.kind;
  },
};

const listPage: Target = {
  name: 'archive-list',
  about: 'a page of the list of object storage, and its refusals',
  seeds: [
    '<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>a</NextContinuationToken><Contents><Key>orders/x</Key><LastModified>2026-01-01T00:00:00Z</LastModified><Size>3</Size></Contents></ListBucketResult>',
    '<Error><Code>NoSuchKey</Code></Error>',
  ].map(textBytes),
  words: ['<Contents>', '</Contents>', '<Key>', '</Key>', '<Size>', '&amp;', '&lt;', '-1', '1e9'],
  codes: [],
  run(bytes) {
    const text = textOf(bytes);
    const code = parseErrorCode(text);
    hold(code === null || code.length <= 64, 'a code of an error is short');
    const page = parseListPage(text);
    for (const { bytes: size } of page?.keys ?? []) {
      hold(Number.isSafeInteger(size) || size >= 0, 'a size is a number');
    }
    return page === null ? `none ${code === null}` : `page ${page.continuation === null}`;
  },
};

const ageFile: Target = {
  name: 'age-layout',
  about: 'header and chunks of an encrypted object',
  seeds: [
    textBytes(
      `age-encryption.org/v1\n-> X25519 ${'a'.repeat(43)}\n${'b'.repeat(43)}\n--- ${'c'.repeat(43)}\n${'d'.repeat(100)}`,
    ),
  ],
  words: ['age-encryption.org/v1\n', '\n--- ', '-> '],
  codes: [],
  run(bytes) {
    const length = headerLength(bytes);
    if (length === null) return 'none';
    hold(length <= bytes.length, 'a header ends inside');
    const sealed = bytes.subarray(length);
    const plain = plainBytesOf(sealed.length);
    hold(plain === null || (plain >= 0 && plain < sealed.length), 'plain bytes are fewer');
    hold(openChunk(new Uint8Array(32), 0, true, sealed) === null, 'no wrong key opens anything');
    return `header ${plain === null}`;
  },
};

function sealLine(bytes: Uint8Array): void {
  if (bytes.length < 10) return;
  const end = bytes.at(-1) === 10 ? bytes.length - 1 : bytes.length;
  const checksum = crc32(bytes.subarray(9, end)).toString(16).padStart(8, '0');
  bytes.set(textBytes(`${checksum} `), 0);
}

const heartbeat: Target = {
  name: 'archive-heartbeat',
  about: 'until when nothing came after the last record',
  seeds: [
    encodeHeartbeat({ timeline: 1, timelineId: '00'.repeat(8), seq: 48_213, chain: 7, time: 9 }),
  ],
  words: ['seq', 'time', 'formatVersion', '__proto__', '-1', '1e400', 'null'],
  seal: sealLine,
  codes: [],
  async run(bytes) {
    const archive = {
      async *getRange() {
        yield await Promise.resolve(bytes);
      },
      describe: () => 'archive',
    } as unknown as Archive;
    const read = await readHeartbeat(archive, place);
    hold(read === null || Number.isSafeInteger(read.seq), 'a heartbeat names a record');
    return read === null ? 'none' : 'heartbeat';
  },
};

const notedPosition: Target = {
  name: 'archive-position',
  about: 'how far a database is in an archive, as it is noted beside the database',
  seeds: [
    textBytes('00000000 {"seq":5,"chain":7,"time":9,"open":null}\n'),
    textBytes(
      '00000000 {"seq":5,"chain":7,"time":9,"open":{"timelineId":"0000000000000000","firstSeq":2,"offset":300}}\n',
    ),
  ].map((bytes) => {
    sealLine(bytes);
    return bytes;
  }),
  words: ['seq', 'open', 'null', '-1', '1e400'],
  seal: sealLine,
  codes: [],
  async run(bytes) {
    const disk = { readFileIfPresent: () => Promise.resolve(bytes) } as unknown as Disk;
    const read = await readPosition(disk, 'main.json');
    hold(
      read === null || (Number.isSafeInteger(read.seq) && Number.isSafeInteger(read.chain)),
      'a position names a record',
    );
    return read === null ? 'none' : `position ${read.open === null}`;
  },
};

const names: Target = {
  name: 'archive-names',
  about: 'which segments and pieces the names in an archive tell of',
  seeds: [
    `orders/${pattern}/log/1-0000000000000000/0000000000000001.seg\norders/${pattern}/log/1-0000000000000000/0000000000000001.0000000000-0000000300.part`,
  ].map(textBytes),
  words: ['.seg', '.part', 'log/', '0000000300-', '0000000000-', '/', '9999999999'],
  codes: [],
  run(bytes) {
    const objects = textOf(bytes)
      .split('\n')
      .map((name) => ({ name, bytes: 1, modifiedMs: null }));
    const segments = groupSegments(place, objects);
    for (const { pieces } of segments) {
      let end = 0;
      for (const piece of leadingPieces(pieces)) {
        hold(piece.from <= end && piece.to > end, 'pieces lead on without a gap');
        end = piece.to;
      }
    }
    return `segments ${Math.min(segments.length, 3)}`;
  },
};

export const archives: readonly Target[] = [
  address,
  listPage,
  ageFile,
  heartbeat,
  notedPosition,
  names,
];
