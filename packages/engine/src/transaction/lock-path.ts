// What a key locks: the database, the sublevels that it stands in, the document. All of it is read off the
// bytes of the key alone, so that a document has one lock whichever way it is written.
import { collectionDepthMax } from '@pamina/format';
import type { LockName, LockPath } from '@pamina/lock';
import type { KeyRange } from '../overlay.js';

const database: LockName = { level: 'database', name: '' };
export const wholeDatabase: LockPath = [database];

/** `!name!`, as abstract-level writes sublevels with the usual separator; others count as documents. */
const sublevel = /![#-~]*!/y;
/** The end of a sublevel's range, which abstract-level's own iterators include. */
const sublevelEnd = /![#-~]*"$/y;

/** A key of the store as latin1 text, which begins with the prefix of user keys. */
export function documentPath(storeKey: string): LockPath {
  return [...collectionsOf(storeKey), { level: 'document', name: storeKey.slice(1) }];
}

/** Of what is locked by its name alone: a collection stands in those that its name begins with. */
export function pathOf(name: LockName): LockPath {
  const above = collectionsOf(` ${name.name}`).filter(
    (one) => one.level !== name.level || one.name !== name.name,
  );
  return [...above, name];
}

/** The last of a path: the document itself. */
export function documentName(storeKey: string): LockName {
  return { level: 'document', name: storeKey.slice(1) };
}

/** The smallest sublevel that the whole range lies in, or the database. */
export function rangePath({ gte, gt, lte, lt }: KeyRange): LockPath {
  const from = (gte ?? gt)?.toString('latin1') ?? '';
  const to = (lte ?? lt)?.toString('latin1');
  if (to === undefined) return wholeDatabase;
  const path = collectionsOf(from);
  const prefix = from.slice(0, 1);
  const last = path.findLastIndex(({ name }) => name !== '' && to <= prefix + endOf(name));
  return path.slice(0, Math.max(last, 0) + 1);
}

function collectionsOf(storeKey: string): LockName[] {
  const path = [database];
  for (let at = 1; path.length <= collectionDepthMax;) {
    sublevel.lastIndex = at;
    sublevelEnd.lastIndex = at;
    const match = sublevel.exec(storeKey) ?? sublevelEnd.exec(storeKey);
    if (match === null) return path;
    at += match[0].length;
    path.push({ level: 'collection', name: `${storeKey.slice(1, at - 1)}!` });
  }
  return path;
}

/** Behind all keys of a sublevel. */
function endOf(prefix: string): string {
  return `${prefix.slice(0, -1)}"`;
}
