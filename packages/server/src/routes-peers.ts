// Routes of what replicas and restores need: the list of replicas, and backups with their files.

import {
  type AllowRequest,
  allowRequest,
  backupFileParameters,
  type BackupRequest,
  backupRequest,
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
    { schema: { params: nameParameters } },
    ({ params }) => served.replicas(params.name),
  );

  app.put<NamedReplica & { Body: AllowRequest }>(
    '/databases/:name/replicas/:replica',
    { schema: { params: replicaParameters, body: allowRequest } },
    async ({ body, params }) => {
      await served.allow(params.name, params.replica, body);
      return {};
    },
  );

  app.delete<NamedReplica>(
    '/databases/:name/replicas/:replica',
    { schema: { params: replicaParameters } },
    async ({ params }) => {
      await served.deny(params.name, params.replica);
      return {};
    },
  );
}

export function backupRoutes(app: FastifyInstance, { clock, served }: RouteContext): void {
  app.get<Named>('/databases/:name/backups', { schema: { params: nameParameters } }, ({ params }) =>
    served.backups(params.name),
  );

  app.post<Named & { Body: BackupRequest }>(
    '/databases/:name/backups',
    { schema: { params: nameParameters, body: backupRequest } },
    ({ body, params }, reply) =>
      answerLines(reply, clock, (answer) =>
        served.backup(params.name, body, answer.progress, answer.signal),
      ),
  );

  app.get<{ Params: { name: string; id: string; file: string } }>(
    '/databases/:name/backups/:id/files/:file',
    { schema: { params: backupFileParameters } },
    async ({ params }, reply) => {
      const file = await served.openBackupFile(params.name, params.id, params.file);
      return reply
        .type('application/octet-stream')
        .header('content-length', file.bytes)
        .send(Readable.from(file.stream(), { objectMode: false }));
    },
  );
}
