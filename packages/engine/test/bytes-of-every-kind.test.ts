// Keys and values of every byte pattern, through every way to write and to read, in byte order, before
// and after the database is opened again.
import fc from 'fast-check';
import { metaKey, systemPrefix, userPrefix } from '@pamina/format';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Pamina } from '../src/pamina.js';
import { cleanUp, temporaryFolder } from './workbench.js';

type Bytes = Pamina<Buffer, Buffer>;
const asBytes = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const;
const seed = 1107;

async function open(folder: string): Promise<Bytes> {
  const db = new Pamina<Buffer, Buffer>(folder, asBytes);
  await db.open();
  cleanUp(() => db.close());
  return db;
}

async function newPamina(): Promise<Bytes> {
  return open(join(await temporaryFolder(), 'orders'));
}

async function reopened(db: Bytes): Promise<Bytes> {
  await db.close();
  return open(db.location);
}

/** What Pamina's own keys look like, in the store and in a sublevel. */
const lookalikes = [
  Buffer.of(systemPrefix),
  Buffer.of(userPrefix),
  Buffer.of(userPrefix + 1),
  Buffer.from(metaKey('applied')),
  Buffer.from(metaKey('session')),
  Buffer.concat([Buffer.of(systemPrefix), Buffer.from('permitted/orders-replica')]),
  Buffer.concat([Buffer.of(systemPrefix), Buffer.from('settings')]),
  Buffer.from('!s!'),
  Buffer.from('!s!!s!'),
];

const run = (byte: number): fc.Arbitrary<Buffer> =>
  fc.integer({ min: 0, max: 40 }).map((length) => Buffer.alloc(length, byte));
const anyBytes = (maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength, size: 'max' }).map((bytes) => Buffer.from(bytes));
const short = fc
  .array(fc.constantFrom(0, 1, 2, 0x21, 0x7f, 0x80, 0xfe, 0xff), { maxLength: 3 })
  .map((bytes) => Buffer.from(bytes));
const keyArbitrary = fc.oneof(
  short,
  short,
  run(0),
  run(0xff),
  fc.constantFrom(...lookalikes),
  anyBytes(600),
);
const valueArbitrary = fc.oneof(short, run(0), run(0xff), anyBytes(5000));

type Way = 'put' | 'batch' | 'chained' | 'sublevel';
interface Written {
  readonly way: Way;
  readonly key: Buffer;
  readonly value: Buffer;
}
const writtenArbitrary: fc.Arbitrary<Written> = fc.record({
  way: fc.constantFrom('put', 'batch', 'chained', 'sublevel'),
  key: keyArbitrary,
  value: valueArbitrary,
});

const sublevelPrefix = Buffer.from('!s!');

async function write(db: Bytes, { way, key, value }: Written): Promise<void> {
  if (way === 'put') await db.put(key, value);
  else if (way === 'batch') await db.batch([{ type: 'put', key, value }]);
  else if (way === 'chained') await db.batch().put(key, value).write();
  else await db.sublevel<Buffer, Buffer>('s', asBytes).put(key, value);
}

type Entry = [key: Buffer, value: Buffer];

/** What should be there, in byte order. */
function model(written: readonly Written[]): Entry[] {
  const entries = new Map<string, Entry>();
  for (const { way, key, value } of written) {
    const full = way === 'sublevel' ? Buffer.concat([sublevelPrefix, key]) : key;
    entries.set(full.toString('hex'), [full, value]);
  }
  return [...entries.values()].sort(([a], [b]) => Buffer.compare(a, b));
}

function shown(entries: readonly (readonly [Uint8Array, Uint8Array])[]): string[] {
  return entries.map(([key, value]) => `${hex(key)}=${hex(value)}`);
}

function hex(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? 'nothing' : Buffer.from(bytes).toString('hex');
}

async function expectContent(db: Bytes, entries: readonly Entry[]): Promise<void> {
  const keys = entries.map(([key]) => key);
  const values = entries.map(([, value]) => hex(value));
  const expected = shown(entries);
  expect(shown(await db.iterator().all())).toEqual(expected);
  expect(shown(await db.iterator({ reverse: true }).all())).toEqual(expected.toReversed());
  expect((await db.getMany(keys)).map(hex)).toEqual(values);
  expect(keys.map((key) => hex(db.getSync(key)))).toEqual(values);
  expect(await db.hasMany(keys)).toEqual(keys.map(() => true));
  const view = { keyEncoding: 'view', valueEncoding: 'view' } as const;
  expect(shown(await db.iterator<Uint8Array, Uint8Array>(view).all())).toEqual(expected);
  for (const [key, value] of entries.slice(0, 5)) expect(hex(await db.get(key))).toBe(hex(value));
  const below = entries.filter(([key]) => key.indexOf(sublevelPrefix) === 0);
  const sublevel = db.sublevel<Buffer, Buffer>('s', asBytes);
  // Not the one key just above a sublevel, which abstract-level takes for one of it.
  const inside = await sublevel.iterator({ lt: Buffer.alloc(601, 0xff) }).all();
  const short = below.map(([key, value]) => [key.subarray(sublevelPrefix.length), value] as const);
  expect(shown(inside)).toEqual(shown(short));
}

interface Range {
  readonly lower: { readonly gt?: Buffer; readonly gte?: Buffer };
  readonly upper: { readonly lt?: Buffer; readonly lte?: Buffer };
}

const rangeArbitrary: fc.Arbitrary<Range> = fc.record({
  lower: fc.oneof(fc.record({ gt: keyArbitrary }), fc.record({ gte: keyArbitrary })),
  upper: fc.oneof(fc.record({ lt: keyArbitrary }), fc.record({ lte: keyArbitrary })),
});

function isWithin({ lower, upper }: Range, key: Buffer): boolean {
  const { gt, gte } = lower;
  const { lt, lte } = upper;
  return (
    (gt === undefined || Buffer.compare(key, gt) > 0) &&
    (gte === undefined || Buffer.compare(key, gte) >= 0) &&
    (lt === undefined || Buffer.compare(key, lt) < 0) &&
    (lte === undefined || Buffer.compare(key, lte) <= 0)
  );
}

test('keys and values of any bytes are read as they were written, in byte order, in any range', async () => {
  let db = await newPamina();
  const content = fc.array(writtenArbitrary, { minLength: 1, maxLength: 25 });
  await fc.assert(
    fc.asyncProperty(content, rangeArbitrary, keyArbitrary, async (written, range, target) => {
      await db.clear();
      for (const one of written) await write(db, one);
      const entries = model(written);
      await expectContent(db, entries);
      const bounds = { ...range.lower, ...range.upper };
      const within = entries.filter(([key]) => isWithin(range, key));
      expect(shown(await db.iterator(bounds).all())).toEqual(shown(within));
      const reversed = await db.iterator({ ...bounds, reverse: true }).all();
      expect(shown(reversed)).toEqual(shown(within).toReversed());
      const iterator = db.iterator();
      iterator.seek(target);
      const behind = entries.filter(([key]) => Buffer.compare(key, target) >= 0);
      expect(shown(await iterator.all())).toEqual(shown(behind));
      const snapshot = db.snapshot();
      await db.clear(bounds);
      const left = entries.filter(([key]) => !isWithin(range, key));
      await expectContent(db, left);
      expect(shown(await db.iterator({ snapshot }).all())).toEqual(shown(entries));
      await snapshot.close();
      db = await reopened(db);
      await expectContent(db, left);
    }),
    { seed, numRuns: 30 },
  );
});

test('all 256 bytes stand in keys and values, alone and doubled, and none is among Pamina’s own keys', async () => {
  const db = await newPamina();
  const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  const keys = [...all].flatMap((byte) => [Buffer.of(byte), Buffer.of(byte, byte)]);
  await db.batch(keys.map((key) => ({ type: 'put', key, value: Buffer.concat([all, key]) })));
  await db.put(Buffer.alloc(0), Buffer.alloc(0));
  await db.put(all, all);
  const expected: Entry[] = [
    ...keys.map((key): Entry => [key, Buffer.concat([all, key])]),
    [Buffer.alloc(0), Buffer.alloc(0)],
    [all, all],
  ];
  const entries = expected.sort(([a], [b]) => Buffer.compare(a, b));
  await expectContent(db, entries);
  const again = await reopened(db);
  await expectContent(again, entries);
  expect(await again.database.permitted()).toEqual([]);
  await again.clear();
  await again.put(Buffer.of(systemPrefix), Buffer.of(1));
  const last = await reopened(again);
  await expectContent(last, [[Buffer.of(systemPrefix), Buffer.of(1)]]);
});

test('text of any code units, lone surrogates included, is stored as UTF-8 and ordered by its bytes', async () => {
  const unit = fc.oneof(
    fc.integer({ min: 0, max: 0xffff }),
    fc.integer({ min: 0xd800, max: 0xdfff }),
    fc.integer({ min: 0, max: 0x7f }),
  );
  const text = fc
    .array(unit, { maxLength: 20 })
    .map((units) => units.map((one) => String.fromCharCode(one)).join(''));
  const db = await newPamina();
  const utf8 = { keyEncoding: 'utf8', valueEncoding: 'utf8' } as const;
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(text, text), { maxLength: 20 }), async (pairs) => {
      await db.clear();
      const entries = new Map<string, Entry>();
      for (const [index, [key, value]] of pairs.entries()) {
        if (index % 2 === 0) await db.put<string, string>(key, value, utf8);
        else await db.batch<string, string>([{ type: 'put', key, value }], utf8);
        const entry: Entry = [Buffer.from(key), Buffer.from(value)];
        entries.set(hex(entry[0]), entry);
      }
      const sorted = [...entries.values()].sort(([a], [b]) => Buffer.compare(a, b));
      await expectContent(db, sorted);
      for (const [key] of pairs) {
        const value = entries.get(hex(Buffer.from(key)))?.[1].toString();
        expect(await db.get<string, string>(key, utf8)).toBe(value);
        expect(db.getSync<string, string>(key, utf8)).toBe(value);
      }
      const read = await db.iterator<string, string>(utf8).all();
      expect(read).toEqual(sorted.map(([key, value]) => [key.toString(), value.toString()]));
    }),
    { seed, numRuns: 60 },
  );
});
