// All drills, in the order in which they are played.
import { archiveOnly } from './archives.js';
import type { Drill } from './drill.js';
import { replicaDiskFull } from './disk-full.js';
import { masterKilled, rejoins, switchover } from './failovers.js';
import { masterPartitioned } from './partition.js';
import { cascade, delayedSaves, fiveReplicas, halfOpen, replicaKilled } from './replicas.js';

export const drills: readonly Drill[] = [
  switchover,
  masterKilled,
  masterPartitioned,
  halfOpen,
  replicaKilled,
  replicaDiskFull,
  delayedSaves,
  cascade,
  fiveReplicas,
  rejoins,
  archiveOnly,
];
