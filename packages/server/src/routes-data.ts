// Routes of the data in a database: single keys, one atomic batch, import and export as streams.

import { PaminaError } from '@pamina/format';
import {
  type BatchRequest,
  batchRequest,
  type Entry,
  entrySchema,
  type ExportQuery,
  exportQuery,
  type KeyRequest,
  keyRequest,
  nameParameters,
  parseLines,
  valueBodyBytesMax,
} from '@pamina/wire';
import type { FastifyInstance } from 'fastify';
import { answerItems, answerLines } from './line-answer.js';
import type { Named, RouteContext } from './route-context.js';

export function dataRoutes(app: FastifyInstance, { clock, served }: RouteContext): void {
  const large = { bodyLimit: valueBodyBytesMax };

  app.post<Named & { Body: Entry }>(
    '/databases/:name/put',
    { ...large, schema: { params: nameParameters, body: entrySchema } },
    ({ body, params }) => served.put(params.name, body.key, body.value),
  );

  app.post<Named & { Body: KeyRequest }>(
    '/databases/:name/get',
    { ...large, schema: { params: nameParameters, body: keyRequest } },
    async ({ body, params }) => ({ value: await served.get(params.name, body.key) }),
  );

  app.post<Named & { Body: KeyRequest }>(
    '/databases/:name/del',
    { ...large, schema: { params: nameParameters, body: keyRequest } },
    ({ body, params }) => served.del(params.name, body.key),
  );

  app.post<Named & { Body: BatchRequest }>(
    '/databases/:name/batch',
    { ...large, schema: { params: nameParameters, body: batchRequest } },
    ({ body, params }) => served.batch(params.name, body.operations),
  );

  app.post<Named & { Body: AsyncIterable<Uint8Array> }>(
    '/databases/:name/import',
    { schema: { params: nameParameters } },
    ({ body, params }, reply) =>
      answerLines(reply, clock, (answer) =>
        served.importEntries(params.name, entriesOf(body), answer.progress),
      ),
  );

  app.get<Named & { Querystring: ExportQuery }>(
    '/databases/:name/export',
    { schema: { params: nameParameters, querystring: exportQuery } },
    ({ params, query }, reply) =>
      answerItems(reply, clock, () => served.exportEntries(params.name, query)),
  );
}

async function* entriesOf(body: unknown): AsyncIterable<Entry> {
  if (typeof body !== 'object' || body === null || !(Symbol.asyncIterator in body)) {
    throw new PaminaError('REQUEST_INVALID', 'an import is sent as application/x-ndjson');
  }
  let line = 0;
  const chunks = body as AsyncIterable<Uint8Array>;
  for await (const value of parseLines(chunks, valueBodyBytesMax)) {
    line += 1;
    if (!isEntry(value)) {
      throw new PaminaError('IMPORT_INVALID', `entry ${line} is no object of a key and a value`);
    }
    yield value;
  }
}

function isEntry(value: unknown): value is Entry {
  if (typeof value !== 'object' || value === null) return false;
  const { key, value: content } = value as Partial<Entry>;
  return typeof key === 'string' && typeof content === 'string';
}
