// Opens an iterator of the store: LevelDB's own, or one that lays over it what the store lacks.
import type { StoreLevel } from '@pamina/env';
import { MergedIterator, type StoreIterator } from './merged-iterator.js';
import type { KeyRange } from './overlay.js';
import type { Format, LevelSnapshot } from './raw-level.js';
import type { Behind } from './read-value.js';

export interface IteratorFormats {
  readonly keys: boolean;
  readonly values: boolean;
  readonly keyEncoding: 'utf8' | 'buffer';
  readonly valueEncoding: Format;
  readonly fillCache?: boolean;
  readonly highWaterMarkBytes?: number;
  readonly signal?: AbortSignal;
}

/** It knows no limit: what was read ahead and thrown away by a seek must not count. Keys carry their prefix. */
export function openIterator(
  level: StoreLevel,
  range: KeyRange,
  formats: IteratorFormats,
  at: { readonly snapshot?: LevelSnapshot | undefined; readonly behind: Behind | null },
): StoreIterator {
  const { snapshot, behind } = at;
  const view = snapshot === undefined ? {} : { snapshot };
  const asked = { ...range, ...formats, ...view };
  if (behind === null) return level.iterator(asked as object);
  const inner = level.iterator({ ...asked, keys: true, keyEncoding: 'buffer' } as object);
  return new MergedIterator(inner, behind.overlay, { range, ...formats });
}
