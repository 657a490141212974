// What comes over HTTP: lines of JSON, bodies of requests, answers of what claims to be a server.
import { errorTable, isPaminaError, type ErrorCode } from '@pamina/format';
import {
  HttpCaller,
  allowRequest,
  backupAnswer,
  backupRequest,
  backupsAnswer,
  batchRequest,
  delRequest,
  createRequest,
  deleteAnswer,
  deleteQuery,
  encodeLine,
  entryAnswer,
  getRequest,
  hashAnswer,
  hashQuery,
  importAnswer,
  jobEventAnswer,
  jobLogQuery,
  putRequest,
  listAnswer,
  logLineAnswer,
  logQuery,
  parseBackupUrl,
  parseLines,
  positionAnswer,
  renameRequest,
  replicasAnswer,
  replicateRequest,
  serverAnswer,
  setRequest,
  settingsAnswer,
  statusAnswer,
  valueAnswer,
} from '@pamina/wire';
import type { Random } from '../random.js';
import type { Target } from '../target.js';
import { holdEqual, joined, json, shapeOf, textBytes, textOf } from './forms.js';
import { pattern, timelines } from './samples.js';

const lineBytesMax = 256;

async function* piecesOf(bytes: Uint8Array, random: Random | null): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length;) {
    const end = random === null ? bytes.length : at + 1 + random.below(bytes.length - at);
    yield await Promise.resolve(bytes.subarray(at, end));
    at = end;
  }
}

/** All lines, and why they end early. */
async function linesOf(
  bytes: Uint8Array,
  random: Random | null,
): Promise<{ values: unknown[]; refusal: Error | null }> {
  const values: unknown[] = [];
  try {
    for await (const value of parseLines(piecesOf(bytes, random), lineBytesMax)) values.push(value);
    return { values, refusal: null };
  } catch (error) {
    if (!isPaminaError(error, 'MESSAGE_INVALID')) throw error;
    return { values, refusal: error };
  }
}

const ndjson: Target = {
  name: 'ndjson',
  about: 'lines of JSON, in pieces cut anywhere',
  seeds: [
    encodeLine({ key: 'a', value: 'ä\u{1f409}' }),
    joined(encodeLine([1, 'x']), textBytes('\n  \n'), encodeLine(null)),
    textBytes('{"a":1}'),
  ],
  words: ['\n', '{}', '"', '\\', '\u{1f409}', ',', '[', '\r\n'],
  codes: ['MESSAGE_INVALID'],
  async run(bytes, random) {
    const whole = await linesOf(bytes, null);
    const pieces = await linesOf(bytes, random);
    holdEqual(pieces.values, whole.values, 'lines do not depend on how they were cut');
    const messages = [whole.refusal?.message, pieces.refusal?.message];
    holdEqual(messages[0], messages[1], 'a refusal does not depend on how lines were cut');
    const printed = joined(...whole.values.map(encodeLine));
    const isShort = printed.length <= lineBytesMax;
    // As text: JSON has a -0 to read and none to write.
    const again = isShort ? (await linesOf(printed, null)).values.map(encodeLine) : [printed];
    holdEqual(joined(...again), printed, 'lines come back');
    if (whole.refusal !== null) throw whole.refusal;
    return whole.values
      .map((value) => shapeOf(value, 1))
      .join()
      .slice(0, 80);
  },
};

const requests = [
  createRequest,
  backupRequest,
  allowRequest,
  replicateRequest,
  renameRequest,
  setRequest,
  getRequest,
  delRequest,
  putRequest,
  batchRequest,
  deleteQuery,
  jobLogQuery,
  logQuery,
  hashQuery,
];

const answers = [
  serverAnswer,
  backupAnswer,
  statusAnswer,
  jobEventAnswer,
  logLineAnswer,
  hashAnswer,
  deleteAnswer,
  importAnswer,
  positionAnswer,
  valueAnswer,
  entryAnswer,
  settingsAnswer,
  listAnswer,
  backupsAnswer,
  replicasAnswer,
];

const address = 'http://127.0.0.1:7474';
const call = { method: 'GET', path: '/x' } as const;

/** One that is answered with these bytes, whatever it asks. */
function callerOf(bytes: Uint8Array, status: number): HttpCaller {
  return new HttpCaller({
    address,
    clock: { after: () => () => undefined },
    network: {
      request: () =>
        Promise.resolve({
          status,
          headers: {},
          bytes: () => Promise.resolve(bytes),
          stream: () => piecesOf(bytes, null),
          cancel: () => undefined,
        }),
    },
  });
}

const someRequests: readonly (readonly [number, unknown])[] = [
  [0, { name: 'orders', fromBackup: 'pamina://orders' }],
  [1, { tag: 'first' }],
  [2, { simultaneousQuery: true }],
  [3, { master: 'orders', simultaneousQuery: false, recreate: true }],
  [4, { to: 'invoices' }],
  [5, { value: '5000' }],
  [6, { key: 'a' }],
  [7, { key: 'a', value: 'b' }],
  [
    8,
    {
      operations: [
        { type: 'put', key: 'a', value: 'b' },
        { type: 'del', key: 'c' },
      ],
    },
  ],
  [9, { keepBackups: 'true', dryRun: 'false' }],
  [10, { lines: '10', follow: 'true' }],
  [11, { from: '1', limit: '100' }],
  [12, { at: '1/48213', verify: 'true' }],
];

const httpRequests: Target = {
  name: 'http-requests',
  about: 'bodies and queries of requests against their schemas; the first byte picks one',
  seeds: someRequests.map(([index, body]) => joined(Uint8Array.of(index), jsonBytes(body))),
  words: ['name', 'tag', 'master', 'key', 'value', 'operations', 'type', 'put', 'del', '__proto__'],
  document: json(1),
  codes: ['MESSAGE_INVALID'],
  async run(bytes) {
    const schema = requests[(bytes[0] ?? 0) % requests.length] ?? createRequest;
    const body = bytes.subarray(1);
    const accepted: unknown = await callerOf(body, 200).call(call, schema);
    holdEqual(accepted, JSON.parse(textOf(body)), 'a request is taken as it is');
    return shapeOf(accepted);
  },
};

const backup = {
  id: '0000000000048213-1',
  kind: 'full',
  tag: null,
  database: 'orders',
  pattern,
  position: '1/48213',
  createdAt: 1,
  entries: 2,
  bytes: 3,
  rawBytes: 4,
  stateHash: null,
};
const lag = { records: 1, bytes: null, seconds: 0.5 };
const lags = { received: lag, durable: lag, applied: lag };
const status = {
  name: 'orders',
  type: 'replica',
  online: true,
  state: 'streaming',
  reason: null,
  since: 1,
  message: null,
  instance: pattern,
  pattern,
  timeline: timelines[1],
  timelines,
  position: '2/48213',
  received: null,
  durable: null,
  applied: null,
  sizeBytes: 1,
  readOnly: false,
  simultaneousQuery: false,
  settings: { replicationDelayMs: 5000, backupGenerations: 3 },
  master: { name: 'm', address, durable: null, lag: lags, lastReplicatedModificationTime: null },
  backups: { count: 1, newest: backup },
  log: { segments: 1, bytes: 2, firstSeq: 1 },
  createdAt: 1,
};
const someAnswers: readonly (readonly [number, unknown])[] = [
  [0, { product: 'pamina', instance: 'x', startedAt: 1 }],
  [1, backup],
  [2, status],
  [3, { time: 1, level: 'info', event: 'x', message: 'y', fields: { a: 1 } }],
  [5, { position: '1/1', stateHash: 'x', recovered: true, comparedWith: [], verified: null }],
  [8, { position: '1/1' }],
  [13, [backup]],
];

/** How an answer comes: whole, as a task with progress, as items, or as a refusal. */
const manners = ['call', 'task', 'items', 'refusal'] as const;

const httpAnswers: Target = {
  name: 'http-answers',
  about: 'what answers a caller: one value, a task, items or a refusal; two bytes pick which',
  seeds: [
    ...someAnswers.map(([index, body]) => joined(Uint8Array.of(0, index), jsonBytes(body))),
    joined(
      Uint8Array.of(1, 8),
      encodeLine({ progress: { step: 'load', done: 1, total: null, unit: 'bytes' } }),
      encodeLine({ result: { position: '1/1' } }),
    ),
    joined(
      Uint8Array.of(2, 10),
      encodeLine({ item: { key: 'a', value: 'b' } }),
      encodeLine({ result: 1 }),
    ),
    joined(
      Uint8Array.of(3, 0),
      jsonBytes({ error: { code: 'LOG_GONE', message: 'no', hint: 'x' } }),
    ),
    joined(Uint8Array.of(1, 0), encodeLine({ error: { code: 'FUTURE', context: { a: [] } } })),
  ],
  words: ['progress', 'result', 'item', 'error', 'code', 'message', 'context', 'hint', '__proto__'],
  document: json(2),
  // A refusal from there bears its own code.
  codes: Object.keys(errorTable) as ErrorCode[],
  async run(bytes) {
    const manner = manners[(bytes[0] ?? 0) % manners.length];
    const schema = answers[(bytes[1] ?? 0) % answers.length] ?? serverAnswer;
    const caller = callerOf(bytes.subarray(2), manner === 'refusal' ? 500 : 200);
    if (manner === 'task') return shapeOf(await caller.task(call, schema, () => undefined));
    if (manner !== 'items') return shapeOf(await caller.call(call, schema));
    let shapes = '';
    for await (const item of caller.items(call, schema)) shapes += shapeOf(item, 1);
    return shapes.slice(0, 80);
  },
};

const backupUrl: Target = {
  name: 'backup-url',
  about: 'the URL of a backup on a server',
  seeds: [
    'http://127.0.0.1:7474/v1/databases/orders/backups/0000000000048213-1',
    'https://[::1]/v1/databases/a%2fb/backups/%',
  ].map(textBytes),
  words: ['%2f', '..', '/v1/databases/', '/backups/', '://', '@', '?', '#'],
  codes: [],
  run(bytes) {
    const url = parseBackupUrl(textOf(bytes));
    return url === null ? 'none' : shapeOf(url);
  },
};

function jsonBytes(value: unknown): Uint8Array {
  return textBytes(JSON.stringify(value));
}

export const wireJson: readonly Target[] = [ndjson, httpRequests, httpAnswers, backupUrl];
