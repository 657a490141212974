// The checker of the tortures on logs and stores made by hand: what it is there to find, it finds.
import { describe, expect, it } from 'vitest';
import {
  RecordKind,
  commitBodyHeaderBytes,
  operationBytes,
  userPrefix,
  viewOf,
  writeDeleteHeader,
  writePutHeader,
} from '@pamina/format';
import { newLedger, takeJournal, type Ledger } from '../../scripts/torture/program/ledger.js';
import { settle, type Checked } from '../../scripts/torture/program/settle.js';
import {
  commitOf,
  stateAfter,
  type Change,
  type Plan,
} from '../../scripts/torture/program/workload.js';

const plan: Plan = { seed: 4, writers: 2, valueBytesMax: 64 };
const commits = 60;

/** Writer 0 has made commits 1 to 60, and each is the record of its number. */
function acknowledged(): Ledger {
  const ledger = newLedger(plan.writers);
  const lines = Array.from({ length: commits }, (_, index) => {
    const number = index + 1;
    return `0 ${number} begun\n0 ${number} acknowledged ${number}\n`;
  });
  takeJournal(ledger, lines.join(''));
  return ledger;
}

function all(): Change[][] {
  return Array.from({ length: commits }, (_, index) => commitOf(plan, 0, index + 1));
}

function database(log: readonly (readonly Change[])[], entries?: Map<string, Buffer>): Checked {
  const state = entries ?? stateAfter(plan, 0, commits, () => true);
  return {
    durableSeq: log.length,
    firstSeq: 1,
    // oxlint-disable-next-line typescript/require-await -- the log is read asynchronously
    async *records(fromSeq) {
      for (const [index, changes] of log.entries()) {
        const seq = index + 1;
        if (seq < fromSeq) continue;
        const header = { seq, kind: RecordKind.commit } as never;
        yield { header, body: bodyOf(changes) };
      }
    },
    // oxlint-disable-next-line typescript/require-await -- the store is read asynchronously
    async *entries() {
      yield* state;
    },
  };
}

function bodyOf(changes: readonly Change[]): Uint8Array {
  const sizes = changes.map((change) =>
    operationBytes(change.key.length + 1, change.type === 'put' ? change.value.length : -1),
  );
  const bytes = new Uint8Array(commitBodyHeaderBytes + sizes.reduce((sum, size) => sum + size, 0));
  const view = viewOf(bytes);
  view.setUint32(0, changes.length, true);
  let at = commitBodyHeaderBytes;
  for (const change of changes) {
    const key = Buffer.concat([Buffer.of(userPrefix), Buffer.from(change.key)]);
    const value = change.type === 'put' ? change.value : Buffer.alloc(0);
    const keyAt =
      change.type === 'put'
        ? writePutHeader(bytes, view, at, key.length, value.length)
        : writeDeleteHeader(bytes, view, at, key.length);
    bytes.set(key, keyAt);
    bytes.set(value, keyAt + key.length);
    at = keyAt + key.length + value.length;
  }
  return bytes;
}

async function faultsOf(ledger: Ledger, checked: Checked): Promise<string> {
  return (await settle(plan, ledger, checked)).faults.join('\n');
}

describe('the checker of the tortures', () => {
  it('finds nothing where all is well, and goes on from there', async () => {
    const first = await settle(plan, acknowledged(), database(all()));
    expect(first.faults).toEqual([]);
    expect(first.ledger.seq).toBe(commits);
    expect((await settle(plan, first.ledger, database(all()))).faults).toEqual([]);
  });

  it('finds an acknowledged commit that is missing at the end and in the middle', async () => {
    const end = await faultsOf(acknowledged(), database(all().slice(0, -1)));
    expect(end).toContain(`lost: commit ${commits} of writer 0`);
    const middle = await faultsOf(acknowledged(), database(all().toSpliced(20, 1)));
    expect(middle).toContain('lost: commit 21 of writer 0');
  });

  it('finds two commits of one writer in the wrong order', async () => {
    const log = all();
    const swapped = log.with(30, log[31] ?? []).with(31, log[30] ?? []);
    expect(await faultsOf(acknowledged(), database(swapped))).toContain('lost: commit 31');
  });

  it('finds half a commit, one that stands there twice, and one of nobody', async () => {
    const log = all();
    const at = log.findIndex((changes) => changes.length > 1);
    const half = log.with(at, (log[at] ?? []).slice(1));
    expect(await faultsOf(acknowledged(), database(half))).toContain('no whole commit');
    const twice = [...log, log.at(-1) ?? []];
    expect(await faultsOf(acknowledged(), database(twice))).toContain('no whole commit');
    const foreign = [...log, [{ type: 'del', key: 'somebody' } as const]];
    expect(await faultsOf(acknowledged(), database(foreign))).toContain('is of nobody');
  });

  it('finds a rejected commit that is there, and lets an unknown one be there or not', async () => {
    const ledger = acknowledged();
    takeJournal(ledger, `0 ${commits} rejected DISK_FULL\n`);
    expect(await faultsOf(ledger, database(all()))).toContain('was rejected with DISK_FULL');
    takeJournal(ledger, `0 ${commits} begun\n0 ${commits} unknown\n`);
    expect(await settle(plan, ledger, database(all()))).toMatchObject({ faults: [], found: 1 });
    const without = stateAfter(plan, 0, commits - 1, () => true);
    const shorter = database(all().slice(0, -1), without);
    expect(await settle(plan, ledger, shorter)).toMatchObject({ faults: [], notFound: 1 });
  });

  it('finds a log that ends before the end that was seen', async () => {
    const { ledger } = await settle(plan, acknowledged(), database(all()));
    expect(await faultsOf(ledger, database(all().slice(0, 40)))).toContain('went up to 60 before');
  });

  it('finds an entry of the store that is old, missing or too many', async () => {
    const state = stateAfter(plan, 0, commits, () => true);
    const [[key] = ['', Buffer.alloc(0)]] = state;
    const without = new Map(state);
    without.delete(key);
    const log = all();
    expect(await faultsOf(acknowledged(), database(log, without))).toContain(
      `${key} is not in the store`,
    );
    const changed = new Map(state).set(key, Buffer.from('0 1 0 old'));
    expect(await faultsOf(acknowledged(), database(log, changed))).toContain('in the log');
    const more = new Map(state).set('w01/00', Buffer.from('1 1 0 '));
    expect(await faultsOf(acknowledged(), database(log, more))).toContain('w01/00 is in the store');
  });
});
