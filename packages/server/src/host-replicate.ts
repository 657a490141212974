// Making a database the replica of a master: the third step alone, or all three when the name is new.
// What can be known now is checked now; every connect checks it again.

import { layLogBeginning } from '@pamina/backup';
import { forkPoint, formatPosition, PaminaError } from '@pamina/format';
import type { Control } from '@pamina/engine';
import type { DatabaseStatus, Progress, ReplicateOptions } from '@pamina/wire';
import { backupToStartFrom, requireNew, restoreTo } from './host-create.js';
import type { HostCore } from './host-core.js';
import { requireFollower } from './host-follower.js';
import { requireOwnName } from './host-names.js';
import { forgiveRecreates, masterOrigin, recreate } from './host-recreate.js';
import { replicateFromArchive } from './host-source-archive.js';
import { goOffline, goOnline } from './host-start.js';
import type { MasterLink } from './master-link.js';

export async function replicate(
  core: HostCore,
  name: string,
  options: ReplicateOptions,
  progress?: Progress,
): Promise<void> {
  const { master } = options;
  core.folder(name);
  requireOwnName(name, master);
  await core.turns.run(name, async () => {
    const { fromArchive } = options;
    if (fromArchive !== undefined) {
      return replicateFromArchive(core, name, { ...options, fromArchive }, progress);
    }
    if (!(await core.exists(name))) {
      await requireNew(core, name);
      const link = await core.link(master);
      refuseCascade(name, await requireMaster(link));
      const backup = await backupToStartFrom(link, progress);
      await restoreTo(core, core.folder(name), name, link.source(backup.id), progress);
      await link.allow(name, options.simultaneousQuery ?? false);
      return becomeReplica(core, name, link, options);
    }
    const control = await core.control(name);
    requireFollower(name, control);
    const link = await core.link(master);
    if (options.recreate === true) {
      await recreate(core, name, masterOrigin(link), options, progress);
      return forgiveRecreates(core, name);
    }
    return becomeReplica(core, name, link, options);
  });
}

async function requireMaster(link: MasterLink): Promise<DatabaseStatus> {
  const status = await link.status();
  if (!status.online) {
    throw new PaminaError('DATABASE_OFFLINE', `the master ${link.name} is offline`, {
      hint: `Start it with \`pamina start ${link.name}\`.`,
    });
  }
  return status;
}

/**
 * A replica can permit nobody: whom its master permits it serves too. Said before anything is fetched; by
 * three steps it works.
 */
function refuseCascade(name: string, { master, name: middle, type }: DatabaseStatus): void {
  if (type !== 'replica') return;
  const top = master?.name ?? 'MASTER';
  throw new PaminaError('DATABASE_TYPE', `${middle} is itself a replica, of ${top}`, {
    hint:
      `Take three steps: \`pamina create ${name} --from-backup pamina://${top}\`, ` +
      `\`pamina allow ${top} ${name}\`, \`pamina replicate ${name} --master ${middle}\`.`,
  });
}

/** The third step. The caller has the turn; the database is a replica already, or unassigned. */
async function becomeReplica(
  core: HostCore,
  name: string,
  link: MasterLink,
  options: ReplicateOptions,
): Promise<void> {
  const control = await core.control(name);
  await checkAgainstMaster(core, name, control, link);
  await goOffline(core, name, { keepName: true });
  await layLogBeginning({ env: core.env, folder: core.folder(name), source: link.log() });
  await core.opened(name, 'read', async (database) => {
    const simultaneousQuery = options.simultaneousQuery ?? control.simultaneousQuery;
    await database.updateControl({ type: 'replica', master: link.name, simultaneousQuery });
    const query = simultaneousQuery
      ? ' Simultaneous query is on: it answers snapshot reads while it replays.'
      : '';
    database.jobLog.write('info', 'replicate', `${name} replicates from ${link.name}.${query}`, {
      master: link.name,
      simultaneousQuery,
    });
  });
  if (core.address !== null) await goOnline(core, name);
}

/** A permission travels to a replica as data does. */
function notPermitted(name: string, { master, name: asked, type }: DatabaseStatus): PaminaError {
  const top = type === 'replica' ? (master?.name ?? 'MASTER') : asked;
  const permit = `Permit it with \`pamina allow ${top} ${name}\``;
  const hint =
    top === asked ? `${permit}.` : `${permit}, and try again when ${asked} has applied that.`;
  return new PaminaError('NOT_PERMITTED', `${asked} does not permit the replica ${name}`, { hint });
}

/** BACKUP_INITIAL, PATTERN_MISMATCH, NOT_PERMITTED, DIVERGED, LOG_GONE, DATABASE_OFFLINE. */
async function checkAgainstMaster(
  core: HostCore,
  name: string,
  control: Control,
  link: MasterLink,
): Promise<void> {
  if (control.pattern === null) {
    throw new PaminaError('BACKUP_INITIAL', `${name} was created from an initial backup`);
  }
  const master = await requireMaster(link);
  if (master.pattern !== control.pattern) {
    throw new PaminaError(
      'PATTERN_MISMATCH',
      `${name} was not made from a backup of ${link.name}: their identification patterns differ`,
      { context: { pattern: control.pattern, master: master.pattern } },
    );
  }
  if (!(await link.permitted()).includes(name)) throw notPermitted(name, master);
  const online = core.online.get(name);
  const seq =
    online?.database.durable().seq ??
    (await core.opened(name, 'read', (database) => Promise.resolve(database.durable().seq)));
  requireContinuation(name, control, seq, master);
}

function requireContinuation(
  name: string,
  { timelines }: Control,
  seq: number,
  master: DatabaseStatus,
): void {
  const { seqMax } = forkPoint(timelines, master.timelines);
  if (seq > seqMax) {
    throw new PaminaError(
      'DIVERGED',
      `${name} is at record ${seq}; its history and that of ${master.name} are one up to ${seqMax} only`,
      { context: { seq, seqMax } },
    );
  }
  const { firstSeq } = master.log;
  if (firstSeq !== null && seq + 1 < firstSeq) {
    const at = formatPosition({ timeline: master.timeline?.timeline ?? 0, seq: firstSeq });
    throw new PaminaError(
      'LOG_GONE',
      `the log of ${master.name} begins at ${at}; ${name} needs it from record ${seq + 1} on`,
      {
        context: { seq, firstSeq },
        hint: `Create it anew from a newer backup: \`pamina replicate ${name} --master ${master.name} --recreate\`.`,
      },
    );
  }
}
