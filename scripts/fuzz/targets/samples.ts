// Valid values that targets encode as the inputs to begin with.
import { backupTableFile } from '@pamina/format';
import type { BackupManifest, SegmentHeader, SegmentTrailer, Timeline } from '@pamina/format';

export const pattern = '00112233445566778899aabbccddeeff';
export const timelines: readonly Timeline[] = [
  { timeline: 1, id: '0f3a5c7e90b1d2f4', forkedFrom: null, atSeq: 0, why: 'created' },
  {
    timeline: 2,
    id: '1f3a5c7e90b1d2f4',
    forkedFrom: '0f3a5c7e90b1d2f4',
    atSeq: 40_000,
    why: 'takeover of orders',
  },
];

export const segmentHeader: SegmentHeader = {
  pattern,
  timeline: 2,
  timelineId: '1f3a5c7e90b1d2f4',
  session: 37,
  firstSeq: 48_212,
  chainBefore: 0x89ab_cdef,
  startTime: 1_785_332_285_000,
  lockData: false,
};

export const segmentTrailer: SegmentTrailer = {
  lastSeq: 48_213,
  lastTime: 1_785_332_285_000,
  chain: 0xf937_0028,
  checksum: 0x64be_5c3d,
  bytes: 252,
};

export const sessionBody = {
  session: 37,
  pattern,
  timelines,
  instance: 'aa'.repeat(16),
  name: 'orders',
  lockData: false,
  version: '0.1.0',
};
export const markBody = { backup: '0000000000048213-1', tag: 'demo' };
export const auditBody = { backup: '0000000000048213-1', seq: 48_213, stateHash: 'ab'.repeat(32) };

export const manifest: BackupManifest = {
  id: '0000000000048213-2',
  form: 'logical',
  kind: 'full',
  tag: 'demo',
  database: 'orders',
  pattern,
  timelines,
  session: 37,
  position: { timeline: 2, seq: 48_213 },
  chain: 7,
  createdAt: 1_785_332_285_000,
  startedAt: 1_785_332_285_001,
  codec: 'brotli-1',
  chunks: [
    { file: 'chunk-000000.pbk', bytes: 100, rawBytes: 900, entries: 8, sha256: '5c'.repeat(32) },
    { file: 'chunk-000001.pbk', bytes: 48, rawBytes: 12, entries: 1, sha256: '5d'.repeat(32) },
  ],
  entries: 9,
  rawBytes: 912,
  stateHash: 'cd'.repeat(32),
  version: '0.1.0',
};

const table = (name: string, digits: string) => {
  const sha256 = digits.repeat(32);
  return { file: backupTableFile(sha256, name), bytes: 100, sha256, name };
};

export const physicalManifest: BackupManifest = {
  ...manifest,
  form: 'physical',
  codec: 'none',
  chunks: [],
  tables: [
    table('000005.ldb', 'a1'),
    table('000009.log', 'a2'),
    table('000009.log', 'a3'),
    table('MANIFEST-000008', 'a4'),
  ],
  entries: null,
  rawBytes: null,
  stateHash: null,
};

export const initialManifest: BackupManifest = {
  ...manifest,
  id: 'initial',
  kind: 'initial',
  tag: null,
  pattern: null,
  codec: 'none',
  chunks: [],
  entries: 0,
  rawBytes: 0,
  stateHash: null,
};
