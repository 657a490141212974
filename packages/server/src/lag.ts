// How far one position is behind another, without ever guessing (P9).

import type { Lag } from '@pamina/wire';

export const unknownLag: Lag = { records: null, bytes: null, seconds: null };

export interface PlaceInTime {
  readonly seq: number;
  /** Commit time of that record, ms since 1970; null when it is not known. */
  readonly time: number | null;
}

/** `bytes` is what is known to lie between the two, null when nobody counted them. */
export function lagBehind(ahead: PlaceInTime, behind: PlaceInTime, bytes: number | null): Lag {
  const records = Math.max(0, ahead.seq - behind.seq);
  if (records === 0) return { records: 0, bytes: 0, seconds: 0 };
  const ms = ahead.time === null || behind.time === null ? null : ahead.time - behind.time;
  return { records, bytes, seconds: ms === null ? null : Math.max(0, ms) / 1000 };
}
