// How far one position is behind another, without ever guessing (P9).

import type { Log } from '@pamina/log';
import type { Lag } from '@pamina/wire';

export const unknownLag: Lag = { records: null, bytes: null, seconds: null };

/** What the master's log holds behind a replica's position; `now` is ms since 1970 on the master. */
export async function lagBehind(log: Log, seq: number, now: number): Promise<Lag> {
  const records = Math.max(0, log.durable.seq - seq);
  if (records === 0) return { records: 0, bytes: 0, seconds: 0 };
  const behind = await log.behind(seq);
  if (behind === null) return { ...unknownLag, records };
  return { records, bytes: behind.bytes, seconds: Math.max(0, now - behind.time) / 1000 };
}
