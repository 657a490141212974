// Routes of what replicas and restores need: the list of replicas, and backups with their files.

import {
  type AllowRequest,
  allowRequest,
  backupFileParameters,
  type BackupRequest,
  backupRequest,
  type BackupsQuery,
  backupsQuery,
  type LogBytesQuery,
  logBytesQuery,
  type ExpireRequest,
  expireRequest,
  nameParameters,
  replicaParameters,
} from '@pamina/wire';
import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { answerLines } from './line-answer.js';
import type { Named, RouteContext } from './route-context.js';

interface NamedReplica {
  Params: { name: string; replica: string };
}

export function replicaRoutes(app: FastifyInstance, { served }: RouteContext): void {
  app.get<Named>(
    '/databases/:name/replicas',
    { config: { role: 'replicate' }, schema: { params: nameParameters } },
    ({ params }) => served.replicas(params.name),
  );

  app.put<NamedReplica & { Body: AllowRequest }>(
    '/databases/:name/replicas/:replica',
    { config: { role: 'admin' }, schema: { params: replicaParameters, body: allowRequest } },
    async ({ body, params }) => {
      await served.allow(params.name, params.replica, body);
      return {};
    },
  );

  app.delete<NamedReplica>(
    '/databases/:name/replicas/:replica',
    { config: { role: 'admin' }, schema: { params: replicaParameters } },
    async ({ params }) => {
      await served.deny(params.name, params.replica);
      return {};
    },
  );
}

export function backupRoutes(app: FastifyInstance, { clock, served }: RouteContext): void {
  app.get<Named & { Querystring: BackupsQuery }>(
    '/databases/:name/backups',
    {
      config: {
        role: ['backup', 'replicate'],
        serverFields: ['from', 'credentialsFile', 'identityFile'],
      },
      schema: { params: nameParameters, querystring: backupsQuery },
    },
    ({ params, query }) => served.backups(params.name, query),
  );

  app.post<Named & { Body: BackupRequest }>(
    '/databases/:name/backups',
    { config: { role: 'backup' }, schema: { params: nameParameters, body: backupRequest } },
    ({ body, params }, reply) =>
      answerLines(reply, clock, (answer) =>
        served.backup(params.name, body, answer.progress, answer.signal),
      ),
  );

  app.post<Named & { Body: ExpireRequest }>(
    '/databases/:name/backups/expire',
    {
      config: { role: 'backup', serverFields: ['from', 'credentialsFile', 'identityFile'] },
      schema: { params: nameParameters, body: expireRequest },
    },
    ({ body, params }, reply) => answerLines(reply, clock, () => served.expire(params.name, body)),
  );

  app.get<{ Params: { name: string; id: string; file: string } }>(
    '/databases/:name/backups/:id/files/:file',
    { config: { role: ['backup', 'replicate'] }, schema: { params: backupFileParameters } },
    async ({ headers, params }, reply) => {
      const file = await served.openBackupFile(params.name, params.id, params.file);
      const range = readRange(headers.range, file.bytes);
      const { from, to } = range ?? { from: 0, to: file.bytes };
      if (range !== null) {
        reply.code(206).header('content-range', `bytes ${from}-${to - 1}/${file.bytes}`);
      }
      return reply
        .type('application/octet-stream')
        .header('accept-ranges', 'bytes')
        .header('content-length', to - from)
        .send(Readable.from(file.stream(from, to), { objectMode: false }));
    },
  );
}

export function logRoutes(app: FastifyInstance, { served }: RouteContext): void {
  app.get<Named>(
    '/databases/:name/log-segments',
    { config: { role: ['replicate', 'backup'] }, schema: { params: nameParameters } },
    ({ params }) => served.logSegments(params.name),
  );

  app.get<Named & { Querystring: LogBytesQuery }>(
    '/databases/:name/log-bytes',
    {
      config: { role: ['replicate', 'backup'] },
      schema: { params: nameParameters, querystring: logBytesQuery },
    },
    async ({ params, query }, reply) => {
      const { from, segment, to } = query;
      const pieces = served.logBytes(params.name, segment, Number(from), Number(to));
      const iterator = pieces[Symbol.asyncIterator]();
      // What is wrong with the request is found before the answer begins.
      const first = await iterator.next();
      const all = async function* (): AsyncGenerator<Uint8Array> {
        if (first.done === true) return;
        yield first.value;
        yield* { [Symbol.asyncIterator]: () => iterator };
      };
      return reply
        .type('application/octet-stream')
        .send(Readable.from(all(), { objectMode: false }));
    },
  );
}

/** One range of bytes; null for everything: a server may ignore what it does not understand. */
function readRange(
  header: string | undefined,
  bytes: number,
): { readonly from: number; readonly to: number } | null {
  const [, first = '', last = ''] = /^bytes=([0-9]{1,15})-([0-9]{0,15})$/.exec(header ?? '') ?? [];
  if (first === '') return null;
  const from = Number(first);
  const to = last === '' ? bytes : Math.min(bytes, Number(last) + 1);
  return from < to ? { from, to } : null;
}
