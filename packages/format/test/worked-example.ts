// The worked example of FORMAT.md: one small segment, its synced point and a manifest, built by the
// encoders. Every value is fixed, so the bytes are too.
import { crc32 } from '../src/checksum.js';
import {
  commitBodyHeaderBytes,
  operationBytes,
  writeDelete,
  writePut,
} from '../src/commit-body.js';
import { encodeBody } from '../src/control-body.js';
import { viewOf } from '../src/integers.js';
import { userKey } from '../src/keys.js';
import { recordHeaderBytes, segmentHeaderBytes } from '../src/limits.js';
import type { BackupManifest } from '../src/manifest-body.js';
import { encodeManifest } from '../src/manifest.js';
import { RecordKind, sealRecord } from '../src/record.js';
import { encodeSegmentHeader, encodeSegmentTrailer } from '../src/segment.js';
import { encodeSynced } from '../src/synced.js';

const pattern = '00112233445566778899aabbccddeeff';
const timelineId = '0f3a5c7e90b1d2f4';
const time = 1_785_325_085_000;
const chainBefore = 0x1122_3344;
const firstSeq = 48212;

function record(
  kind: RecordKind,
  seq: number,
  body: Uint8Array,
  syncedTo: number,
  chain: number,
): Uint8Array {
  const bytes = new Uint8Array(recordHeaderBytes + body.length);
  bytes.set(body, recordHeaderBytes);
  sealRecord(bytes, viewOf(bytes), 0, body.length, kind, seq, time, syncedTo, chain);
  return bytes;
}

function commitBody(): Uint8Array {
  const key = userKey(Uint8Array.of(0x61));
  const value = Uint8Array.of(0x68, 0x69);
  const size =
    commitBodyHeaderBytes + operationBytes(key.length, value.length) + operationBytes(2, -1);
  const bytes = new Uint8Array(size);
  const view = viewOf(bytes);
  view.setUint32(0, 2, true);
  const at = writePut(bytes, view, commitBodyHeaderBytes, key, value);
  writeDelete(bytes, view, at, userKey(Uint8Array.of(0x62)));
  return bytes;
}

/** Each block of hex in the document, by the heading above it. */
export function workedExample() {
  const header = encodeSegmentHeader({
    pattern,
    timeline: 1,
    timelineId,
    session: 37,
    firstSeq,
    chainBefore,
    startTime: time,
    lockData: false,
  });
  const commit = record(RecordKind.commit, firstSeq, commitBody(), 0, chainBefore);
  const commitEnd = segmentHeaderBytes + commit.length;
  const markBody = encodeBody(RecordKind.mark, { backup: '0000000000048213-1', tag: 'demo' });
  const commitChain = viewOf(commit).getUint32(0, true);
  const mark = record(RecordKind.mark, firstSeq + 1, markBody, commitEnd, commitChain);
  const chain = viewOf(mark).getUint32(0, true);
  const end = commitEnd + mark.length;
  const trailer = encodeSegmentTrailer({
    lastSeq: firstSeq + 1,
    lastTime: time,
    chain,
    checksum: crc32(mark, crc32(commit, crc32(header))),
    bytes: end,
  });
  const synced = encodeSynced({ seq: firstSeq + 1, offset: end, chain, segmentFirstSeq: firstSeq });
  return {
    'Segment header': header,
    'Commit record': commit,
    'Mark record': mark,
    'Segment trailer': trailer,
    'Synced point': synced,
    'Backup manifest': encodeManifest(exampleManifest(chain)),
  } satisfies Record<string, Uint8Array>;
}

/** The backup whose mark is the last record of the segment. */
function exampleManifest(chain: number): BackupManifest {
  return {
    id: '0000000000048213-1',
    form: 'logical',
    kind: 'full',
    tag: 'demo',
    database: 'orders',
    pattern,
    timelines: [{ timeline: 1, id: timelineId, forkedFrom: null, atSeq: 0, why: 'created' }],
    session: 37,
    position: { timeline: 1, seq: firstSeq + 1 },
    chain,
    createdAt: time,
    startedAt: time,
    codec: 'none',
    chunks: [
      {
        file: 'chunk-000000.pbk',
        bytes: 12,
        rawBytes: 12,
        entries: 1,
        sha256: '5c'.repeat(32),
      },
    ],
    entries: 1,
    rawBytes: 12,
    stateHash: null,
    version: '0.1.0',
  };
}

/** Rows of `offset  sixteen bytes`, as in the document. */
export function hexDump(bytes: Uint8Array): string {
  const rows: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = [...bytes.subarray(at, at + 16)].map((byte) => byte.toString(16).padStart(2, '0'));
    rows.push(`${at.toString(16).padStart(4, '0')}  ${row.join(' ')}`);
  }
  return rows.join('\n');
}
