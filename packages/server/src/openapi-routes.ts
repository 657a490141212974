// What each route is for and what it answers, for the description of the API. Requests are described by the schemas
// that validate them; a test holds that every route has a row here and every row a route.

import {
  archiveAnswer,
  archivesAnswer,
  backupAnswer,
  backupsAnswer,
  deleteAnswer,
  doneAnswer,
  entryAnswer,
  expireAnswer,
  failoverAnswer,
  fenceAnswer,
  hashAnswer,
  healthAnswer,
  importAnswer,
  jobEventAnswer,
  listAnswer,
  locksAnswer,
  logLineAnswer,
  logSegmentsAnswer,
  newTokenAnswer,
  positionAnswer,
  rangeAnswer,
  rebuildAnswer,
  rejoinAnswer,
  replicasAnswer,
  restoreAnswer,
  serverAnswer,
  settingsAnswer,
  statusAnswer,
  takeOverAnswer,
  transactionAnswer,
  userAnswer,
  usersAnswer,
  valueAnswer,
  verifyAnswer,
} from '@pamina/wire';

export interface RouteDescription {
  readonly summary: string;
  /**
   * `json`: one value. `task`: lines of progress, then one with the result or the error. `items`: a line for each item,
   * then one that says that this was all, or the error.
   */
  readonly form: 'json' | 'task' | 'items' | 'bytes' | 'events' | 'text' | 'document';
  readonly answer?: object | undefined;
  /** What is sent is lines of this, not one value. */
  readonly lines?: object | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly statuses?: Readonly<Record<string, string>> | undefined;
}

const json = (summary: string, answer: object): RouteDescription => ({
  summary,
  form: 'json',
  answer,
});
const task = (summary: string, answer: object): RouteDescription => ({
  summary,
  form: 'task',
  answer,
});
const items = (summary: string, answer: object): RouteDescription => ({
  summary,
  form: 'items',
  answer,
});
const bytes = (summary: string): RouteDescription => ({ summary, form: 'bytes' });

const databases: Record<string, RouteDescription> = {
  'GET /v1/databases': json('List the databases of the server', listAnswer),
  'POST /v1/databases': task('Create a database, empty or from a backup', statusAnswer),
  'GET /v1/databases/:name': json('Tell the state and the figures of a database', statusAnswer),
  'DELETE /v1/databases/:name': task('Delete a database', deleteAnswer),
  'POST /v1/databases/:name/start': task('Bring a database online', statusAnswer),
  'POST /v1/databases/:name/stop': task(
    'Take a database offline, with regard for open transactions as the mode says',
    statusAnswer,
  ),
  'POST /v1/databases/:name/rename': task('Give a database another name', statusAnswer),
  'POST /v1/databases/:name/restore': task('Restore a backup and the log behind it', restoreAnswer),
  'PUT /v1/databases/:name/settings/:property': json('Change a property', settingsAnswer),
  'GET /v1/databases/:name/events': {
    summary: 'Follow the job log and the changes of state as server-sent events',
    form: 'events',
    headers: { 'last-event-id': 'Go on behind this event.' },
  },
};

const following: Record<string, RouteDescription> = {
  'POST /v1/databases/:name/replicate': task('Make a replica, or let it follow', statusAnswer),
  'POST /v1/databases/:name/apply': task('Apply what was received up to a target', statusAnswer),
  'POST /v1/databases/:name/reset': task('Make a replica a normal database', statusAnswer),
  'POST /v1/databases/:name/failover': task('Put a replica in its master’s place', failoverAnswer),
  'POST /v1/databases/:name/rejoin': task('Let an old master follow the new one', rejoinAnswer),
  'POST /v1/databases/:name/fence': task('Let a master take no writes any more', fenceAnswer),
  'POST /v1/databases/:name/unfence': task('Let a master take writes again', statusAnswer),
  'POST /v1/databases/:name/take-over': task('Let a replica take the place', takeOverAnswer),
  'GET /v1/databases/:name/replicas': json('List the replicas of a database', replicasAnswer),
  'PUT /v1/databases/:name/replicas/:replica': json('Permit a replica', doneAnswer),
  'DELETE /v1/databases/:name/replicas/:replica': json('Permit a replica no more', doneAnswer),
  'GET /v1/databases/:name/log-segments': json('List the segments of the log', logSegmentsAnswer),
  'GET /v1/databases/:name/log-bytes': bytes('Read a part of a segment'),
};

const copies: Record<string, RouteDescription> = {
  'GET /v1/databases/:name/backups': json('List the backups', backupsAnswer),
  'POST /v1/databases/:name/backups': task('Take a backup', backupAnswer),
  'POST /v1/databases/:name/backups/expire': task('Remove what no rule keeps', expireAnswer),
  'GET /v1/databases/:name/backups/:id/files/:file': bytes('Read a file of a backup'),
  'GET /v1/databases/:name/archives': json('List the archives', archivesAnswer),
  'POST /v1/databases/:name/archives': task('Archive what is missing there', archivesAnswer),
  'PUT /v1/databases/:name/archives/:archive': task('Add an archive', archiveAnswer),
  'DELETE /v1/databases/:name/archives/:archive': json('Remove an archive', doneAnswer),
  'POST /v1/databases/:name/verify': task('Prove backups, log and store', verifyAnswer),
  'POST /v1/databases/:name/rebuild': task('Build the store anew', rebuildAnswer),
};

const data: Record<string, RouteDescription> = {
  'POST /v1/databases/:name/put': json('Write an entry', positionAnswer),
  'POST /v1/databases/:name/get': json('Read an entry', valueAnswer),
  'POST /v1/databases/:name/del': json('Delete an entry', positionAnswer),
  'POST /v1/databases/:name/batch': json('Write several entries, all or none', positionAnswer),
  'POST /v1/databases/:name/range': json(
    'Read a page of a range; each page is a read of its own, not a part of one snapshot',
    rangeAnswer,
  ),
  'POST /v1/databases/:name/import': {
    ...task('Write entries as they come, in many commits', importAnswer),
    lines: entryAnswer,
  },
  'GET /v1/databases/:name/export': items('Read all entries, of one snapshot', entryAnswer),
  'POST /v1/databases/:name/query': items('Read a range in one transaction', entryAnswer),
};

const one = '/v1/databases/:name/transactions';
const transactions: Record<string, RouteDescription> = {
  [`POST ${one}`]: json('Begin a transaction', transactionAnswer),
  [`POST ${one}/:transaction/renew`]: json('Keep a transaction open', transactionAnswer),
  [`POST ${one}/:transaction/commit`]: json('Commit a transaction', positionAnswer),
  [`POST ${one}/:transaction/rollback`]: json('Roll a transaction back', doneAnswer),
  [`POST ${one}/:transaction/get`]: json('Read an entry in a transaction', valueAnswer),
  [`POST ${one}/:transaction/range`]: items('Read a range in a transaction', entryAnswer),
  [`POST ${one}/:transaction/put`]: json('Write an entry in a transaction', doneAnswer),
  [`POST ${one}/:transaction/del`]: json('Delete an entry in a transaction', doneAnswer),
  [`POST ${one}/:transaction/batch`]: json('Write several entries in a transaction', doneAnswer),
};

const inside: Record<string, RouteDescription> = {
  'GET /v1/databases/:name/job-log': items('Read, and follow, the job log', jobEventAnswer),
  'GET /v1/databases/:name/log': items('Read the log, record by record', logLineAnswer),
  'GET /v1/databases/:name/locks': json('List what is locked, and who waits', locksAnswer),
  'POST /v1/databases/:name/locks/release': json('Free what a transaction holds', doneAnswer),
  'GET /v1/databases/:name/hash': task('Hash the whole state', hashAnswer),
};

const userRoot = '/v1/databases/:name/users';
const users: Record<string, RouteDescription> = {
  [`GET ${userRoot}`]: json('List the users of a database', usersAnswer),
  [`POST ${userRoot}`]: json('Add a user, with a token that is told once', newTokenAnswer),
  [`PUT ${userRoot}/:user`]: json('Give a user other roles', userAnswer),
  [`DELETE ${userRoot}/:user`]: json('Remove a user', doneAnswer),
  [`POST ${userRoot}/:user/tokens`]: json('Give a user another token', newTokenAnswer),
  [`DELETE ${userRoot}/:user/tokens/:token`]: json('Revoke a token', userAnswer),
};

/** By method and pattern. */
export const routeDescriptions: Readonly<Record<string, RouteDescription>> = {
  'GET /health': {
    ...json('Tell whether requests should be sent here', healthAnswer),
    statuses: { '503': 'Not now; the reason is one word.' },
  },
  'GET /metrics': { summary: 'Figures for Prometheus', form: 'text' },
  'GET /v1/openapi.json': { summary: 'This document', form: 'document' },
  'GET /v1/server': json('Tell who answers here', serverAnswer),
  ...databases,
  ...following,
  ...copies,
  ...data,
  ...transactions,
  ...inside,
  ...users,
};

/** Schemas that stand at many places, under their names. */
export const namedSchemas: ReadonlyMap<object, string> = new Map<object, string>([
  [statusAnswer, 'DatabaseStatus'],
  [backupAnswer, 'Backup'],
  [archiveAnswer, 'Archive'],
  [entryAnswer, 'Entry'],
  [jobEventAnswer, 'JobEvent'],
  [logLineAnswer, 'LogRecord'],
  [restoreAnswer, 'RestoreReport'],
  [failoverAnswer, 'FailoverReport'],
  [verifyAnswer, 'VerifyReport'],
  [expireAnswer, 'ExpireReport'],
]);
