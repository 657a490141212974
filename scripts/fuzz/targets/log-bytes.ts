// What a log consists of: records, segment headers and trailers, bodies, the note of what is synced.
import {
  RecordKind,
  checkRecord,
  commitBodyHeaderBytes,
  crc32,
  decodeBody,
  decodeLockBody,
  decodeSegmentHeader,
  decodeSegmentTrailer,
  decodeSynced,
  encodeBody,
  encodeLockBody,
  encodeSegmentHeader,
  encodeSegmentTrailer,
  encodeSynced,
  forEachOperation,
  isSegmentTrailer,
  newRecordHeader,
  operationBytes,
  sealRecord,
  segmentHeaderBytes,
  segmentTrailerBytes,
  viewOf,
  writeDeleteHeader,
  writePutHeader,
} from '@pamina/format';
import { hold, holdSameBytes, type Target } from '../target.js';
import { holdEqual, joined, packed, shapeOf, textBytes } from './forms.js';
import { auditBody, markBody, segmentHeader, segmentTrailer, sessionBody } from './samples.js';

const firstChain = 0x1234_5678;
const recordHeaderBytes = 32;

function recordRun(bodies: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(
    bodies.reduce((sum, body) => sum + recordHeaderBytes + body.length, 0),
  );
  let [at, chain, seq] = [0, firstChain, 1];
  for (const body of bodies) {
    bytes.set(body, at + recordHeaderBytes);
    const kind = seq === 1 ? RecordKind.session : RecordKind.commit;
    chain = sealRecord(bytes, viewOf(bytes), at, body.length, kind, seq, 1000 + seq, at, chain);
    at += recordHeaderBytes + body.length;
    seq++;
  }
  return bytes;
}

/** Gives each record that has a plausible length the checksum that it should have. */
export function sealRecords(bytes: Uint8Array, from = 0, chainBefore = firstChain): number {
  const view = viewOf(bytes);
  let [at, chain] = [from, chainBefore];
  while (bytes.length - at >= recordHeaderBytes) {
    const length = view.getUint32(at + 4, true);
    if (length < recordHeaderBytes || length > bytes.length - at) break;
    chain = crc32(bytes.subarray(at + 4, at + length), chain);
    view.setUint32(at, chain, true);
    at += length;
  }
  return at;
}

const record: Target = {
  name: 'record',
  about: 'a run of records, each checked against the chain of the one before',
  seeds: [
    recordRun([]),
    recordRun([textBytes('body')]),
    recordRun([new Uint8Array(0), textBytes('a'), new Uint8Array(70), textBytes('end')]),
    joined(recordRun([textBytes('x')]), new Uint8Array(64)),
  ],
  seal: sealRecords,
  codes: [],
  run(input, random) {
    // Somewhere in a larger buffer: offsets must not be those of the memory behind it.
    const before = random.below(8);
    const bytes = joined(new Uint8Array(before), input).subarray(before);
    const view = viewOf(bytes);
    const header = newRecordHeader();
    let [at, chain, seq] = [0, firstChain, 1];
    let check = checkRecord(bytes, view, at, bytes.length, seq, chain, header);
    for (
      ;
      check === 'record';
      check = checkRecord(bytes, view, at, bytes.length, seq, chain, header)
    ) {
      hold(
        header.length >= recordHeaderBytes && header.length <= bytes.length - at,
        'a record is inside',
      );
      const again = bytes.slice(at, at + header.length);
      const kind = header.kind as RecordKind;
      const body = header.length - recordHeaderBytes;
      sealRecord(again, viewOf(again), 0, body, kind, seq, header.time, header.syncedTo, chain);
      holdSameBytes(again, bytes.subarray(at, at + header.length), 'a record is canonical');
      at += header.length;
      chain = header.checksum;
      seq++;
    }
    if (check === 'partial') {
      hold(
        header.length === 0 || header.length > bytes.length - at,
        'a part is shorter than the whole',
      );
    }
    return `${check} ${Math.min(seq, 5)} ${header.kind}`;
  },
};

function sealAt(start: number, end: number, at: number): (bytes: Uint8Array) => void {
  return (bytes) => {
    if (bytes.length >= at + 4)
      viewOf(bytes).setUint32(at, crc32(bytes.subarray(start, end)), true);
  };
}

const header: Target = {
  name: 'segment-header',
  about: 'the header of a segment',
  seeds: [segmentHeader, { ...segmentHeader, lockData: true, firstSeq: 2 ** 53 - 1 }].map(
    encodeSegmentHeader,
  ),
  seal: sealAt(0, 124, 124),
  codes: ['SEGMENT_INVALID', 'FORMAT_UNKNOWN'],
  run(bytes) {
    const decoded = decodeSegmentHeader(bytes);
    // As the job log prints it.
    new Date(decoded.startTime).toISOString();
    const again = encodeSegmentHeader(decoded);
    holdSameBytes(again, bytes.subarray(0, segmentHeaderBytes), 'a segment header is canonical');
    return `header ${decoded.lockData}`;
  },
};

const trailer: Target = {
  name: 'segment-trailer',
  about: 'the trailer of a segment',
  seeds: [encodeSegmentTrailer(segmentTrailer)],
  seal: sealAt(0, 44, 44),
  codes: ['SEGMENT_INVALID'],
  run(bytes) {
    const isTrailer = isSegmentTrailer(bytes, viewOf(bytes), 0);
    const decoded = decodeSegmentTrailer(bytes);
    hold(isTrailer, 'what decodes looks like a trailer');
    const again = encodeSegmentTrailer(decoded);
    holdSameBytes(again, bytes.subarray(0, segmentTrailerBytes), 'a segment trailer is canonical');
    return 'trailer';
  },
};

type Operation = { readonly key: Uint8Array; readonly value: Uint8Array | null };

function commitBody(operations: readonly Operation[]): Uint8Array {
  const total = operations.reduce(
    (sum, { key, value }) => sum + operationBytes(key.length, value?.length ?? -1),
    commitBodyHeaderBytes,
  );
  const bytes = new Uint8Array(total);
  const view = viewOf(bytes);
  view.setUint32(0, operations.length, true);
  let at = commitBodyHeaderBytes;
  for (const { key, value } of operations) {
    at =
      value === null
        ? writeDeleteHeader(bytes, view, at, key.length)
        : writePutHeader(bytes, view, at, key.length, value.length);
    bytes.set(key, at);
    at += key.length;
    bytes.set(value ?? [], at);
    at += value?.length ?? 0;
  }
  return bytes;
}

const operation = (key: string, value: string | null): Operation => ({
  key: textBytes(key),
  value: value === null ? null : textBytes(value),
});

/** Says as many operations as there are, where all of them are whole. */
function sealCount(bytes: Uint8Array): void {
  const view = viewOf(bytes);
  let [at, count] = [commitBodyHeaderBytes, 0];
  for (; at + 9 <= bytes.length; count++) {
    const valueBytes = bytes[at] === 1 ? view.getUint32(at + 5, true) : -1;
    at += operationBytes(view.getUint32(at + 1, true), valueBytes);
  }
  if (at === bytes.length) view.setUint32(0, count, true);
}

const body: Target = {
  name: 'commit-body',
  about: 'the operations of a commit',
  seeds: [
    commitBody([]),
    commitBody([operation('\x02a', 'value')]),
    commitBody([operation('\x02a', ''), operation('', null), operation('\x01b', 'x'.repeat(40))]),
  ],
  seal: sealCount,
  codes: ['BODY_INVALID'],
  run(input, random) {
    const before = random.below(8);
    const bytes = joined(new Uint8Array(before), input, new Uint8Array(3));
    const end = before + input.length;
    const operations: Operation[] = [];
    forEachOperation(bytes, viewOf(bytes), before, end, {
      put(keyStart, keyEnd, valueStart, valueEnd) {
        const isInside = keyStart <= keyEnd && keyEnd <= valueStart && valueEnd <= end;
        hold(isInside && valueStart <= valueEnd, 'a put is inside the body');
        const key = bytes.slice(keyStart, keyEnd);
        operations.push({ key, value: bytes.slice(valueStart, valueEnd) });
      },
      delete(keyStart, keyEnd) {
        hold(keyStart <= keyEnd && keyEnd <= end, 'a delete is inside the body');
        operations.push({ key: bytes.slice(keyStart, keyEnd), value: null });
      },
    });
    holdSameBytes(commitBody(operations), input, 'the body of a commit is canonical');
    const kinds = operations.map(({ value }) => (value === null ? 'd' : 'p'));
    return `body ${kinds.join('').slice(0, 6)}`;
  },
};

const controlKinds = [
  RecordKind.session,
  RecordKind.mark,
  RecordKind.audit,
  RecordKind.heartbeat,
] as const;

const control: Target = {
  name: 'control-body',
  about: 'bodies of session, mark, audit and heartbeat records; the first byte picks the kind',
  seeds: [
    joined(Uint8Array.of(0), encodeBody(RecordKind.session, sessionBody)),
    joined(Uint8Array.of(1), encodeBody(RecordKind.mark, markBody)),
    joined(Uint8Array.of(2), encodeBody(RecordKind.audit, auditBody)),
    joined(Uint8Array.of(3), encodeBody(RecordKind.heartbeat, {})),
  ],
  words: ['session', 'pattern', 'timelines', 'tag', 'seq', '__proto__'],
  document: packed(1, 0, (document, from) => joined(from.subarray(0, 1), document)),
  codes: ['BODY_INVALID'],
  run(bytes) {
    const kind = controlKinds.at((bytes[0] ?? 0) % controlKinds.length) ?? RecordKind.session;
    const decoded = decodeBody(kind, bytes.subarray(1));
    holdEqual(decodeBody(kind, encodeBody(kind, decoded)), decoded, 'a control body comes back');
    return shapeOf(decoded);
  },
};

const lockKinds = [RecordKind.lock, RecordKind.abort, RecordKind.locks] as const;
const lockBody = { transaction: 7, collections: [textBytes('!a!')], documents: [textBytes('k')] };

const lockData: Target = {
  name: 'lock-body',
  about: 'bodies of lock, abort and locks records; the first byte picks the kind',
  seeds: [
    joined(Uint8Array.of(0), encodeLockBody(RecordKind.lock, { ...lockBody, commits: true })),
    joined(Uint8Array.of(1), encodeLockBody(RecordKind.abort, { transaction: 7 })),
    joined(Uint8Array.of(2), encodeLockBody(RecordKind.locks, { held: [lockBody], more: true })),
  ],
  words: ['transaction', 'documents', 'collections', 'held', 'more', '__proto__'],
  document: packed(1, 0, (document, from) => joined(from.subarray(0, 1), document)),
  codes: ['BODY_INVALID'],
  run(bytes) {
    const kind = lockKinds.at((bytes[0] ?? 0) % lockKinds.length) ?? RecordKind.lock;
    const decoded = decodeLockBody(kind, bytes.subarray(1));
    holdEqual(decodeLockBody(kind, encodeLockBody(kind, decoded)), decoded, 'lock data comes back');
    return shapeOf(decoded);
  },
};

const synced: Target = {
  name: 'synced',
  about: 'the note of what is synced; nothing in it is an error',
  seeds: [encodeSynced({ seq: 48213, offset: 252, chain: 7, segmentFirstSeq: 48212 })],
  seal: sealAt(0, 28, 28),
  codes: [],
  run(bytes) {
    const decoded = decodeSynced(bytes);
    if (decoded === null) return 'nothing';
    holdSameBytes(encodeSynced(decoded), bytes, 'a synced point is canonical');
    return 'point';
  },
};

export const logBytes: readonly Target[] = [
  record,
  header,
  trailer,
  body,
  control,
  lockData,
  synced,
];
