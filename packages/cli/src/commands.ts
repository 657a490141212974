// All verbs, in the order of the help: a database's life, its copies, its content, its inside.
import type { AnyCommand } from './command.js';
import { adopt } from './command/adopt.js';
import { allow } from './command/allow.js';
import { apply } from './command/apply.js';
import { archive } from './command/archive.js';
import { backup } from './command/backup.js';
import { backups } from './command/backups.js';
import { create } from './command/create.js';
import { del } from './command/del.js';
import { deleteDatabase } from './command/delete.js';
import { deny } from './command/deny.js';
import { expire } from './command/expire.js';
import { exportEntries } from './command/export.js';
import { failover } from './command/failover.js';
import { get } from './command/get.js';
import { hash } from './command/hash.js';
import { importEntries } from './command/import.js';
import { jobLog } from './command/job-log.js';
import { list } from './command/list.js';
import { locks } from './command/locks.js';
import { log } from './command/log.js';
import { pause } from './command/pause.js';
import { pending } from './command/pending.js';
import { put } from './command/put.js';
import { query } from './command/query.js';
import { rename } from './command/rename.js';
import { rebuild } from './command/rebuild.js';
import { rejoin } from './command/rejoin.js';
import { replicas } from './command/replicas.js';
import { replicate } from './command/replicate.js';
import { resume } from './command/resume.js';
import { reset } from './command/reset.js';
import { restore } from './command/restore.js';
import { serve } from './command/serve.js';
import { set } from './command/set.js';
import { start } from './command/start.js';
import { status } from './command/status.js';
import { stop } from './command/stop.js';
import { unfence } from './command/unfence.js';
import { user } from './command/user.js';
import { verify } from './command/verify.js';

export const commands: readonly AnyCommand[] = [
  create,
  adopt,
  serve,
  start,
  stop,
  list,
  status,
  set,
  rename,
  deleteDatabase,
  backup,
  backups,
  expire,
  verify,
  rebuild,
  archive,
  restore,
  replicate,
  allow,
  deny,
  replicas,
  user,
  pause,
  resume,
  pending,
  apply,
  reset,
  failover,
  rejoin,
  unfence,
  put,
  get,
  query,
  locks,
  del,
  importEntries,
  exportEntries,
  jobLog,
  log,
  hash,
];
