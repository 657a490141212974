// What people and files say in text: names, positions, paths, and the JSON files of a database and of
// the directory.
import {
  currentTimeline,
  forkPoint,
  formatPosition,
  parsePosition,
  parseSegmentPath,
  segmentPath,
  timelineAt,
  validateName,
  validateTag,
  validateTimelines,
} from '@pamina/format';
import type { Disk } from '@pamina/env';
import {
  parseDirectory,
  printDirectory,
  validateAddress,
} from '../../../packages/directory/src/directory-content.js';
import { parseFields, printChecked, verified } from '../../../packages/engine/src/checked-json.js';
import { readControl, writeControl, type Control } from '../../../packages/engine/src/control.js';
import { hold, type Target } from '../target.js';
import { holdEqual, json, shapeOf, textBytes, textOf } from './forms.js';
import { pattern, segmentHeader, timelines } from './samples.js';

const position: Target = {
  name: 'position',
  about: 'a position as text',
  seeds: ['1/48213', '4294967295/9007199254740991', '1/0'].map(textBytes),
  words: ['0', '/', '9007199254740992', '4294967296', '-', '+', 'e3'],
  codes: ['POSITION_INVALID'],
  run(bytes) {
    const text = textOf(bytes);
    const parsed = parsePosition(text);
    hold(formatPosition(parsed) === text, 'there is one text for a position');
    return 'position';
  },
};

const path: Target = {
  name: 'segment-path',
  about: 'where a segment stands below the log folder',
  seeds: [segmentPath(segmentHeader), segmentPath({ ...segmentHeader, lastSeq: 48_213 })].map(
    textBytes,
  ),
  words: ['../', '/', '-', '.seg', '0000000000000001', '9007199254740992'],
  codes: [],
  run(bytes) {
    const text = textOf(bytes);
    const parsed = parseSegmentPath(text);
    if (parsed === null) return 'none';
    hold(segmentPath(parsed) === text, 'there is one path for a segment');
    hold(!text.includes('..'), 'a path leads nowhere else');
    return `path ${parsed.lastSeq === null}`;
  },
};

const name: Target = {
  name: 'name',
  about: 'names of databases, tags of backups and addresses; the first byte picks one',
  seeds: ['\0orders-2.x', '\x01first backup: 1+1', '\x02http://127.0.0.1:7474'].map(textBytes),
  words: ['..', '.json', '.tmp', '/', '\\', '@', '://', '[::1]', ':80'],
  codes: ['NAME_INVALID', 'TAG_INVALID', 'ADDRESS_INVALID'],
  run(bytes) {
    const text = textOf(bytes.subarray(1));
    const validate =
      [validateName, validateTag, validateAddress][(bytes[0] ?? 0) % 3] ?? validateName;
    const valid = validate(text);
    hold(validate(valid) === valid, 'what is valid stays as it is');
    if (validate !== validateAddress) hold(!/[/\\\0]/.test(valid), 'a name is no path');
    return `${validate.name} ${Math.min(valid.length, 4)}`;
  },
};

const history: Target = {
  name: 'timelines',
  about: 'a history of timelines, and how two of them relate',
  seeds: [timelines, timelines.slice(0, 1)].map((value) => textBytes(JSON.stringify(value))),
  words: ['timeline', 'id', 'forkedFrom', 'atSeq', 'why', '0f3a5c7e90b1d2f4'],
  document: json(),
  codes: ['TIMELINES_INVALID'],
  run(bytes) {
    const valid = validateTimelines(JSON.parse(isJson(bytes) ? textOf(bytes) : 'null'));
    holdEqual(validateTimelines(valid), valid, 'a valid history stays as it is');
    const { common, seqMax } = forkPoint(valid, valid);
    hold(common === valid.length && seqMax === Infinity, 'a history is one with itself');
    for (const { atSeq } of valid) {
      hold(valid.includes(timelineAt(valid, atSeq + 1)), 'each record is on a timeline');
      const shorter = valid.slice(0, -1);
      const fork = forkPoint(valid, shorter);
      hold(shorter.length === 0 || fork.seqMax === currentTimeline(valid).atSeq, 'a fork is found');
    }
    return `history ${Math.min(valid.length, 5)}`;
  },
};

function isJson(bytes: Uint8Array): boolean {
  try {
    JSON.parse(textOf(bytes));
    return true;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return false;
  }
}

const directory: Target = {
  name: 'directory',
  about: 'the directory file',
  seeds: [
    printDirectory(
      new Map([
        ['orders', { address: 'http://127.0.0.1:7474', instance: pattern, since: 1 }],
        ['invoices', { address: 'https://example.org', instance: null, since: null }],
      ]),
    ),
    textBytes('{"a":{"address":"http://127.0.0.1:1"}}'),
  ],
  words: ['$version', 'address', 'instance', 'since', 'http://', '__proto__'],
  document: json(),
  codes: ['DIRECTORY_INVALID'],
  run(bytes) {
    const content = parseDirectory(bytes, 'directory.json');
    const printed = printDirectory(content);
    const again = parseDirectory(printed, 'directory.json');
    holdEqual(
      [...again],
      [...content].toSorted(([a], [b]) => (a < b ? -1 : 1)),
      'a directory comes back',
    );
    for (const { since } of content.values()) new Date(since ?? 0).toISOString();
    return `names ${Math.min(content.size, 3)} ${shapeOf([...content.values()], 2)}`;
  },
};

const control: Control = {
  formatVersion: 1,
  name: 'orders',
  type: 'replica',
  instance: pattern,
  master: 'invoices',
  readOnly: false,
  simultaneousQuery: true,
  timelines,
  pattern,
  base: { seq: 7, chain: 8, time: 9 },
  session: 3,
  createdAt: 1_785_332_285_000,
  keepFromSeq: null,
  formerMaster: null,
};

/** A disk of one file. */
function diskOf(file: { bytes: Uint8Array }): Disk {
  return {
    readFileIfPresent: () => Promise.resolve(file.bytes),
    replaceFile: (_: string, bytes: Uint8Array) => {
      file.bytes = bytes;
      return Promise.resolve();
    },
  } as unknown as Disk;
}

/** With a checksum that is right, as long as it is an object. */
function printRight(value: unknown): string {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return JSON.stringify(value);
  const { checksum, ...fields } = value as Record<string, unknown>;
  return checksum === undefined ? JSON.stringify(fields) : textOf(printChecked(fields));
}

const controlFile: Target = {
  name: 'control-file',
  about: 'control.json',
  seeds: [printChecked(control), textBytes(JSON.stringify({ ...control, type: 'normal', x: 1 }))],
  words: [...Object.keys(control), 'checksum', 'normal', 'unassigned', '__proto__'],
  document: json(0, printRight),
  codes: ['CONTROL_INVALID', 'FORMAT_UNKNOWN'],
  async run(bytes) {
    const file = { bytes };
    const read = await readControl(diskOf(file), 'orders');
    hold(read !== null, 'a file that is there holds something');
    await writeControl(diskOf(file), 'orders', read);
    const again = await readControl(diskOf(file), 'orders');
    hold(JSON.stringify(again) === JSON.stringify(read), 'control.json comes back');
    return shapeOf(read, 1);
  },
};

const checkedJson: Target = {
  name: 'checked-json',
  about: 'the JSON files beside store and log: checkpoint and slots',
  seeds: [printChecked({ seq: 1, chain: 2, time: 3 }), textBytes('{"seq":1,"chain":2,"time":3}')],
  words: ['checksum', 'seq', '__proto__'],
  document: json(0, printRight),
  codes: ['CONTROL_INVALID'],
  run(bytes) {
    const fields = verified(parseFields(bytes, 'x.json'), 'x.json');
    const again = verified(parseFields(printChecked(fields), 'x.json'), 'x.json');
    hold(JSON.stringify(again) === JSON.stringify(fields), 'fields come back');
    return shapeOf(fields, 1);
  },
};

export const texts: readonly Target[] = [
  position,
  path,
  name,
  history,
  directory,
  controlFile,
  checkedJson,
];
