// All targets, in the order in which they are run.
import type { Target } from '../target.js';
import { archives } from './archive.js';
import { backupBytes } from './backup-bytes.js';
import { levelBytes } from './level-bytes.js';
import { logBytes } from './log-bytes.js';
import { texts } from './texts.js';
import { wholeLog } from './whole-log.js';
import { wireBytes } from './wire-bytes.js';
import { wireCalls } from './wire-calls.js';
import { wireJson } from './wire-json.js';

export const targets: readonly Target[] = [
  ...logBytes,
  ...wholeLog,
  ...backupBytes,
  ...levelBytes,
  ...wireBytes,
  ...wireCalls,
  ...wireJson,
  ...texts,
  ...archives,
];
