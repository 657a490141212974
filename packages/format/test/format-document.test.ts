import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { crc32 } from '../src/checksum.js';
import { decodeBody, encodeBody } from '../src/control-body.js';
import { decodeLockBody, encodeLockBody, type LockBody, type LocksBody } from '../src/lock-body.js';
import { viewOf } from '../src/integers.js';
import * as limits from '../src/limits.js';
import { readManifestBody, writeManifestBody } from '../src/manifest-body.js';
import {
  decodeManifest,
  manifestFormatVersion,
  manifestMagic,
  manifestOffsets,
} from '../src/manifest.js';
import { OperationType, deleteHeaderBytes, putHeaderBytes } from '../src/commit-body.js';
import { metaPrefix, systemPrefix, userPrefix } from '../src/keys.js';
import { RecordKind, checkRecord, newRecordHeader, recordOffsets } from '../src/record.js';
import { segmentPath } from '../src/segment-path.js';
import {
  decodeSegmentHeader,
  decodeSegmentTrailer,
  segmentFormatVersion,
  segmentHeaderOffsets,
  segmentMagic,
  segmentTrailerMagic,
  segmentTrailerOffsets,
} from '../src/segment.js';
import { decodeSynced, syncedOffsets } from '../src/synced.js';
import { hexDump, workedExample } from './worked-example.js';

const text = readFileSync(new URL('../FORMAT.md', import.meta.url), 'utf8');

/** What stands below a heading, down to the next one. */
function section(heading: string): string {
  const lines = text.split('\n');
  const start = lines.findIndex(
    (line) => /^#+ /.test(line) && line.replace(/^#+ /, '') === heading,
  );
  expect(start, `heading "${heading}"`).toBeGreaterThanOrEqual(0);
  const rest = lines.slice(start + 1);
  const end = rest.findIndex((line) => /^#+ /.test(line));
  return rest.slice(0, end < 0 ? rest.length : end).join('\n');
}

/** The cells of the one table in a section, without its two head rows; backticks taken off. */
function table(heading: string): string[][] {
  const rows = section(heading)
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll('`', '')),
    );
  expect(rows.length, `rows below "${heading}"`).toBeGreaterThan(2);
  return rows.slice(2);
}

/** Field → offset from a layout table, after checking that its rows leave no gap up to `total`. */
function layout(heading: string, total: number | null): Record<string, number> {
  const offsets: Record<string, number> = {};
  let next = 0;
  for (const [offset = '', bytes = '', field = ''] of table(heading)) {
    expect(Number(offset), `${heading}: ${field}`).toBe(next);
    next += bytes === '…' ? 0 : Number(bytes);
    offsets[field] = Number(offset);
  }
  if (total !== null) expect(next, heading).toBe(total);
  return offsets;
}

function pairs(heading: string): Record<string, number> {
  return Object.fromEntries(table(heading).map(([name = '', value]) => [name, Number(value)]));
}

function hexOf(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

/** The bytes of the example below a heading, as the document shows them. */
function shownBytes(heading: string): number[] {
  const block = /```text\n([^`]*)\n```/.exec(section(heading))?.[1] ?? '';
  return block
    .split('\n')
    .flatMap((row) => row.split(' ').slice(2))
    .map((byte) => Number.parseInt(byte, 16));
}

describe('FORMAT.md', () => {
  it('P15 gives every field of every layout its offset, without gaps', () => {
    expect(layout('Record', limits.recordHeaderBytes)).toEqual(recordOffsets);
    expect(layout('Segment header layout', limits.segmentHeaderBytes)).toEqual(
      segmentHeaderOffsets,
    );
    expect(layout('Segment trailer layout', limits.segmentTrailerBytes)).toEqual(
      segmentTrailerOffsets,
    );
    expect(layout('log/synced', limits.syncedBytes)).toEqual(syncedOffsets);
    const { checksum, ...manifest } = layout('Manifest layout', null);
    expect(manifest).toEqual(manifestOffsets);
    expect(checksum).toBe(limits.manifestHeaderBytes);
  });

  it('P15 gives the operations of a commit their offsets', () => {
    expect(layout('Put', putHeaderBytes)).toEqual({
      type: 0,
      keyBytes: 1,
      valueBytes: 5,
      key: 9,
      value: 9,
    });
    expect(layout('Delete', deleteHeaderBytes)).toEqual({ type: 0, keyBytes: 1, key: 5 });
    expect(section('Put')).toContain(`type ${OperationType.put}`);
    expect(section('Delete')).toContain(`type ${OperationType.delete}`);
  });

  it('P15 gives magics, versions, kinds, prefixes and limits their values', () => {
    expect(section('Segment header layout')).toContain(hexOf(segmentMagic));
    expect(section('Segment trailer layout')).toContain(hexOf(segmentTrailerMagic));
    expect(section('Manifest layout')).toContain(hexOf(manifestMagic));
    expect(pairs('Versions')).toEqual({
      segment: segmentFormatVersion,
      manifest: manifestFormatVersion,
    });
    expect(pairs('Kinds of records')).toEqual(RecordKind);
    expect(pairs('Key spaces')).toEqual({
      meta: metaPrefix,
      system: systemPrefix,
      user: userPrefix,
    });
    const stated = pairs('Limits that decoders enforce');
    expect({ ...limits }).toMatchObject(stated);
    expect(Object.keys(stated).length).toBeGreaterThan(8);
  });

  it('P15 names every field of the documents inside', () => {
    const manifest = decodeManifest(workedExample()['Backup manifest']);
    const again = readManifestBody(writeManifestBody(manifest));
    expect(table('Manifest body').map(([field]) => field)).toEqual(Object.keys(again));
    const session = {
      session: 1,
      pattern: '0'.repeat(32),
      timelines: manifest.timelines,
      instance: '0'.repeat(32),
      name: 'a',
      lockData: false,
      version: '1',
    };
    const audit = { backup: 'a', seq: 1, stateHash: '0'.repeat(64) };
    const fields = {
      session: Object.keys(decodeBody(RecordKind.session, encodeBody(RecordKind.session, session))),
      mark: Object.keys(
        decodeBody(
          RecordKind.mark,
          encodeBody(RecordKind.mark, { backup: 'a', tag: null, audit: false }),
        ),
      ),
      audit: Object.keys(decodeBody(RecordKind.audit, encodeBody(RecordKind.audit, audit))),
    };
    for (const [kind, names] of Object.entries(fields)) {
      const rows = table('Control bodies').filter(([of]) => of === kind);
      expect(rows.map(([, field]) => field)).toEqual(names);
    }
    const lock: LockBody = {
      transaction: 1,
      database: true,
      collections: [],
      documents: [],
      commits: true,
    };
    const locks: LocksBody = { held: [lock], more: true };
    const lockData = [
      ...Object.keys(decodeLockBody(RecordKind.lock, encodeLockBody(RecordKind.lock, lock))),
      ...Object.keys(
        decodeLockBody(RecordKind.abort, encodeLockBody(RecordKind.abort, { transaction: 1 })),
      ),
      ...Object.keys(decodeLockBody(RecordKind.locks, encodeLockBody(RecordKind.locks, locks))),
    ];
    expect(table('Lock data').map(([, field]) => field)).toEqual(lockData);
    expect(table('Timelines').map(([field]) => field)).toEqual(
      Object.keys(manifest.timelines[0] ?? {}),
    );
  });

  it('P15 shows an example that the encoders make again byte for byte', () => {
    for (const [heading, bytes] of Object.entries(workedExample())) {
      const block = /```text\n([^`]*)\n```/.exec(section(heading));
      expect(block?.[1], heading).toBe(hexDump(bytes));
    }
  });

  it('P15 shows an example that reads as what the text says', () => {
    const segment = Uint8Array.from(
      ['Segment header', 'Commit record', 'Mark record', 'Segment trailer'].flatMap(shownBytes),
    );
    expect(segment.length).toBe(300);
    const header = decodeSegmentHeader(segment);
    expect(text).toContain(`log/${segmentPath(header)}`);
    const view = viewOf(segment);
    const out = newRecordHeader();
    const kinds: number[] = [];
    let at = limits.segmentHeaderBytes;
    let chain = header.chainBefore;
    let seq = header.firstSeq;
    while (checkRecord(segment, view, at, segment.length, seq, chain, out) === 'record') {
      kinds.push(out.kind);
      at += out.length;
      chain = out.checksum;
      seq += 1;
    }
    expect(kinds).toEqual([RecordKind.commit, RecordKind.mark]);
    const trailer = decodeSegmentTrailer(segment.subarray(at));
    const checksum = crc32(segment.subarray(0, at));
    expect(trailer).toMatchObject({ lastSeq: seq - 1, chain, checksum, bytes: at });
    expect(decodeSynced(Uint8Array.from(shownBytes('Synced point')))).toEqual({
      seq: seq - 1,
      offset: at,
      chain,
      segmentFirstSeq: header.firstSeq,
    });
    const manifest = decodeManifest(Uint8Array.from(shownBytes('Backup manifest')));
    expect(manifest).toMatchObject({ chain, position: { timeline: 1, seq: seq - 1 } });
  });
});
