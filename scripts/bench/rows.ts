// All rows, in the order in which they run: the short ones first, the one that heats the disk last.
import type { Row } from './row.js';
import { backup } from './row/backup.js';
import { behind } from './row/behind.js';
import { catchUp } from './row/catch-up.js';
import { commits } from './row/commits.js';
import { encodingsRow } from './row/encodings.js';
import { farBehind } from './row/far-behind.js';
import { idleReplicas } from './row/idle-replicas.js';
import { lags } from './row/lag.js';
import { lockData } from './row/lock-data.js';
import { network } from './row/network.js';
import { plainCalls } from './row/plain-calls.js';
import { promotion } from './row/promotion.js';
import { puts } from './row/puts.js';
import { reads } from './row/reads.js';
import { recovery } from './row/recovery.js';
import { replayReaders } from './row/replay-readers.js';
import { sustained } from './row/sustained.js';
import { sync } from './row/sync.js';

export const rows: readonly Row[] = [
  ...puts,
  ...commits,
  ...network,
  sync,
  encodingsRow,
  plainCalls,
  lockData,
  ...lags,
  promotion,
  idleReplicas,
  catchUp,
  behind,
  replayReaders,
  recovery,
  reads,
  backup,
  farBehind,
  sustained,
];
