// All drills, in the order in which they are played.
import { archiveOnly } from './archives.js';
import type { Drill } from './drill.js';
import { masterKilled, masterStopped, rejoins, switchover } from './failovers.js';
import { cascade, delayedSaves, fiveReplicas, halfOpen, replicaKilled } from './replicas.js';

export const drills: readonly Drill[] = [
  switchover,
  masterKilled,
  masterStopped,
  halfOpen,
  replicaKilled,
  delayedSaves,
  cascade,
  fiveReplicas,
  rejoins,
  archiveOnly,
];
