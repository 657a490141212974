import { expect, it } from 'vitest';
import type { MasterStatus } from '@pamina/wire';
import { sourceArchiveFields, sourceText } from '../../src/print/source-archive.js';

const unknown = { records: null, bytes: null, seconds: null };
const master: MasterStatus = {
  name: 'cities',
  address: null,
  durable: null,
  lag: { received: unknown, durable: unknown, applied: unknown },
  lastReplicatedModificationTime: null,
};
const archive = {
  address: 's3://bucket/pamina',
  position: null,
  lookedAt: null,
  completeUntil: null,
  problem: null,
  pollMs: 10_000,
  afterMs: 15_000,
};

it('says nothing of an archive where there is none', () => {
  expect(sourceText(master)).toBeNull();
  expect(sourceArchiveFields({ ...master, archive: null }, 0)).toEqual([]);
});

it('P9 says what is followed, how far, and until when nothing came only where that is known', () => {
  expect(sourceText({ ...master, source: 'archive', archive })).toBe('archive');
  const before = new Map(sourceArchiveFields({ ...master, archive }, 0));
  expect(before.get('archive position')).toBe('not looked at yet');
  const seen = { ...archive, position: '1/7', lookedAt: 1000, problem: 'it does not answer' };
  const now = new Map(sourceArchiveFields({ ...master, archive: seen }, 3000));
  expect(now.get('archive position')).toMatch(/^taken up to 1\/7, 2.* ago$/);
  expect(now.get('archive problem')).toBe('it does not answer');
  const complete = { ...seen, completeUntil: 500 };
  const told = new Map(sourceArchiveFields({ ...master, archive: complete }, 3000));
  expect(told.get('archive position')).toContain('nothing came until');
});
