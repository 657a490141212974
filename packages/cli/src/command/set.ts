// Changes a setting of a database.
import {
  applyDelayMsMax,
  archiveHeartbeatMinutesMax,
  archiveHoldDaysMax,
  archiveHoldDaysMin,
  archiveKeepHoursMax,
  backupAgeDaysLimit,
  backupForms,
  backupGenerationsMax,
  backupGenerationsMin,
  backupTierGenerationsMax,
  PaminaError,
  logBytesWithoutBackupMax,
  logBytesWithoutBackupMin,
  replicaHoldBytesMax,
  replicaHoldBytesMin,
  replicaHoldDaysMax,
  replicationDelayMsMax,
  sourceArchiveAfterMsMax,
  sourceArchivePollMsMax,
  sourceArchivePollMsMin,
  synchronousReplicasMax,
  synchronousTimeoutMsMax,
  synchronousTimeoutMsMin,
} from '@pamina/format';
import { defineCommand } from '../command.js';
import { fields } from '../print/table.js';
import { printable } from '../print/units.js';

const propertiesText = [
  `replicationDelayMs (0 to ${replicationDelayMsMax}; 0 = streaming; on the master),`,
  `backupGenerations (${backupGenerationsMin} to ${backupGenerationsMax}),`,
  `backupForm (${backupForms.join(' or ')}),`,
  `backupDaily, backupWeekly, backupMonthly (0 to ${backupTierGenerationsMax}; 0 = none),`,
  `backupAgeDaysMax (0 to ${backupAgeDaysLimit}; 0 = no limit),`,
  `archiveKeepHours (0 to ${archiveKeepHoursMax}),`,
  `applyDelayMs (0 to ${applyDelayMsMax}; on a replica: how long after its commit a record is applied),`,
  `sourceArchivePollMs (${sourceArchivePollMsMin} to ${sourceArchivePollMsMax}; on a replica with an archive: between two looks),`,
  `sourceArchiveAfterMs (0 to ${sourceArchiveAfterMsMax}; how long without the master before it is followed),`,
  'sourceArchive (none),',
  `synchronousReplicas (0 to ${synchronousReplicasMax}: how many confirm a commit; on the master),`,
  'synchronousNames (names with commas: which of them count; empty = all), synchronousPolicy (wait or degrade),',
  `synchronousTimeoutMs (${synchronousTimeoutMsMin} to ${synchronousTimeoutMsMax}; of degrade),`,
  `archiveHeartbeatMinutes (0 to ${archiveHeartbeatMinutesMax}; 0 = once),`,
  `archiveHoldDays (${archiveHoldDaysMin} to ${archiveHoldDaysMax}),`,
  `logBytesWithoutBackup (${logBytesWithoutBackupMin} to ${logBytesWithoutBackupMax}, also as 2GiB; 0 = no cap),`,
  `replicaHoldBytes (${replicaHoldBytesMin} to ${replicaHoldBytesMax}, also as 64GiB; 0 = no cap),`,
  `replicaHoldDays (0 to ${replicaHoldDaysMax}; 0 = no cap),`,
  'onTerminal (on a replica: stop or recreate),',
  'applyPaused (on a replica), backupAudit, backupNoDelete, readOnly, simultaneousQuery (true or false)',
].join(' ');

export const set = defineCommand({
  name: 'set',
  summary: 'Set a property of a database (property=value)',
  positionals: {
    name: { describe: 'Name of the database' },
    property: {
      label: 'property=value',
      describe: propertiesText,
    },
  },
  options: {},
  examples: [
    ['pamina set cities replicationDelayMs=0', 'replicas are sent every commit at once'],
    ['pamina set cities backupGenerations=5', 'keep five full backups'],
    ['pamina set cities backupForm=physical', 'back up the files of the store'],
    [
      'pamina set cities backupAudit=false',
      'no state hash behind a backup, for replicas and restores',
    ],
    ['pamina set cities backupMonthly=12', 'and the newest of each of twelve months'],
    ['pamina set cities backupNoDelete=true', 'remove none of them, whatever the rules say'],
    ['pamina set cities archiveKeepHours=72', 'restores elsewhere have three days to finish'],
    ['pamina set cities-replica applyDelayMs=3600000', 'an hour to notice a mistake of the master'],
    ['pamina set cities-copy sourceArchiveAfterMs=60000', 'a minute without the master first'],
    ['pamina set cities archiveHoldDays=14', 'keep log for two weeks for an archive that is away'],
    [
      'pamina set cities replicaHoldBytes=200GiB',
      'log for a replica that is away, at most so much',
    ],
    ['pamina set cities replicaHoldDays=0', 'and however old'],
    ['pamina set cities-replica onTerminal=recreate', 'out of diverged and log-gone by itself'],
    [
      'pamina set cities synchronousReplicas=1',
      'a commit is acknowledged when a replica has it too',
    ],
    [
      'pamina set cities synchronousPolicy=degrade',
      'without its replicas it goes on after synchronousTimeoutMs, with an error in the job log',
    ],
    ['pamina set cities-replica readOnly=true', 'answer queries, do not replicate'],
  ],
  async execute(context, given) {
    const [property, value] = splitAssignment(given.property);
    const administration = await context.administrationOf(given.name);
    const properties = await context.during(`Setting ${property}`, () =>
      administration.set(given.name, property, value),
    );
    await context.output.result(properties, () =>
      fields(
        Object.entries(properties).map(([name, now]) => [
          printable(name),
          printable(typeof now === 'string' ? now : JSON.stringify(now)),
        ]),
      ),
    );
  },
});

function splitAssignment(text: string): [property: string, value: string] {
  const equals = text.indexOf('=');
  if (equals > 0) return [text.slice(0, equals), text.slice(equals + 1)];
  throw new PaminaError('USAGE', `${JSON.stringify(text)} is not of the form property=value`);
}
