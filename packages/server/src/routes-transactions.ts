// Routes of the transactions of clients: begun, named by every call, ended.

import {
  beginRequest,
  type BeginRequest,
  nameParameters,
  nothingRequest,
  transactionBatchRequest,
  type TransactionBatchRequest,
  transactionCommitRequest,
  type TransactionCommitRequest,
  transactionDelRequest,
  type TransactionDelRequest,
  transactionGetRequest,
  type TransactionGetRequest,
  transactionParameters,
  transactionPutRequest,
  type TransactionPutRequest,
  transactionRangeRequest,
  type TransactionRangeRequest,
  valueBodyBytesMax,
} from '@pamina/wire';
import type { FastifyInstance } from 'fastify';
import { answerItems } from './line-answer.js';
import { requireRole } from './principal.js';
import type { Named, RouteContext } from './route-context.js';

interface OfOne {
  Params: { name: string; transaction: string };
}

const root = '/databases/:name/transactions';
const one = `${root}/:transaction`;
const params = transactionParameters;
const large = { bodyLimit: valueBodyBytesMax };

export function transactionRoutes(app: FastifyInstance, context: RouteContext): void {
  const { transactions } = context.served;
  app.post<Named & { Body: BeginRequest }>(
    root,
    { config: { role: 'read' }, schema: { params: nameParameters, body: beginRequest } },
    ({ body, params: { name } }) => transactions.begin(name, body),
  );
  app.post<OfOne>(
    `${one}/renew`,
    { config: { role: 'read' }, schema: { params, body: nothingRequest } },
    ({ params: { name, transaction } }) => transactions.renew(name, transaction),
  );
  app.post<OfOne & { Body: TransactionCommitRequest }>(
    `${one}/commit`,
    { config: { role: 'read' }, schema: { params, body: transactionCommitRequest } },
    ({ body, params: { name, transaction }, principal }) => {
      const requireWrite = (): void => {
        if (principal !== null) requireRole(principal, 'write', name);
      };
      return transactions.commit(name, transaction, { ...body, requireWrite });
    },
  );
  app.post<OfOne>(
    `${one}/rollback`,
    { config: { role: 'read' }, schema: { params, body: nothingRequest } },
    async ({ params: { name, transaction } }) => {
      await transactions.rollback(name, transaction);
      return {};
    },
  );
  readRoutes(app, context);
  writeRoutes(app, context);
}

function readRoutes(app: FastifyInstance, { clock, served: { transactions } }: RouteContext): void {
  app.post<OfOne & { Body: TransactionGetRequest }>(
    `${one}/get`,
    { config: { role: 'read' }, ...large, schema: { params, body: transactionGetRequest } },
    async ({ body: { key, lockMode }, params: { name, transaction } }) => ({
      value: await transactions.get(name, transaction, key, { lockMode }),
    }),
  );
  app.post<OfOne & { Body: TransactionRangeRequest }>(
    `${one}/range`,
    { config: { role: 'read' }, ...large, schema: { params, body: transactionRangeRequest } },
    ({ body, params: { name, transaction } }, reply) =>
      answerItems(reply, clock, () => transactions.range(name, transaction, body)),
  );
}

function writeRoutes(app: FastifyInstance, { served: { transactions } }: RouteContext): void {
  app.post<OfOne & { Body: TransactionPutRequest }>(
    `${one}/put`,
    { config: { role: 'write' }, ...large, schema: { params, body: transactionPutRequest } },
    async ({ body: { key, value }, params: { name, transaction } }) => {
      await transactions.put(name, transaction, key, value);
      return {};
    },
  );
  app.post<OfOne & { Body: TransactionDelRequest }>(
    `${one}/del`,
    { config: { role: 'write' }, ...large, schema: { params, body: transactionDelRequest } },
    async ({ body: { key }, params: { name, transaction } }) => {
      await transactions.del(name, transaction, key);
      return {};
    },
  );
  app.post<OfOne & { Body: TransactionBatchRequest }>(
    `${one}/batch`,
    { config: { role: 'write' }, ...large, schema: { params, body: transactionBatchRequest } },
    async ({ body: { operations }, params: { name, transaction } }) => {
      await transactions.batch(name, transaction, operations);
      return {};
    },
  );
}
