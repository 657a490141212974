// Routes of the data in a database: single keys, one atomic batch, import and export as streams.

import { PaminaError } from '@pamina/format';
import {
  type BatchRequest,
  batchRequest,
  type DelRequest,
  delRequest,
  type Entry,
  type ExportQuery,
  exportQuery,
  type GetRequest,
  getRequest,
  nameParameters,
  parseLines,
  type PutRequest,
  putRequest,
  queryRequest,
  type QueryRequest,
  valueBodyBytesMax,
} from '@pamina/wire';
import type { FastifyInstance } from 'fastify';
import { answerItems, answerLines } from './line-answer.js';
import type { Named, RouteContext } from './route-context.js';

export function dataRoutes(app: FastifyInstance, { clock, served }: RouteContext): void {
  const large = { bodyLimit: valueBodyBytesMax };

  app.post<Named & { Body: PutRequest }>(
    '/databases/:name/put',
    { config: { role: 'write' }, ...large, schema: { params: nameParameters, body: putRequest } },
    ({ body: { key, value, durability }, params }) =>
      served.put(params.name, key, value, { durability }),
  );

  app.post<Named & { Body: GetRequest }>(
    '/databases/:name/get',
    { config: { role: 'read' }, ...large, schema: { params: nameParameters, body: getRequest } },
    async ({ body: { key, ...demands }, params }) => ({
      value: await served.get(params.name, key, demands),
    }),
  );

  app.post<Named & { Body: DelRequest }>(
    '/databases/:name/del',
    { config: { role: 'write' }, ...large, schema: { params: nameParameters, body: delRequest } },
    ({ body: { key, durability }, params }) => served.del(params.name, key, { durability }),
  );

  app.post<Named & { Body: BatchRequest }>(
    '/databases/:name/batch',
    { config: { role: 'write' }, ...large, schema: { params: nameParameters, body: batchRequest } },
    ({ body: { durability, operations }, params }) =>
      served.batch(params.name, operations, { durability }),
  );

  app.post<Named & { Body: AsyncIterable<Uint8Array> }>(
    '/databases/:name/import',
    { config: { role: 'write' }, schema: { params: nameParameters } },
    ({ body, params }, reply) =>
      answerLines(reply, clock, (answer) =>
        served.importEntries(params.name, entriesOf(body), answer.progress),
      ),
  );

  app.get<Named & { Querystring: ExportQuery }>(
    '/databases/:name/export',
    { config: { role: 'read' }, schema: { params: nameParameters, querystring: exportQuery } },
    ({ params, query }, reply) =>
      answerItems(reply, clock, () => served.exportEntries(params.name, query)),
  );

  app.post<Named & { Body: QueryRequest }>(
    '/databases/:name/query',
    { config: { role: 'read' }, ...large, schema: { params: nameParameters, body: queryRequest } },
    ({ body, params }, reply) =>
      answerItems(reply, clock, (signal) => served.query(params.name, { ...body, signal })),
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
