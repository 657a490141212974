// The description of the API: every route is in it, and it is what the specification asks for.

import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Access } from '../src/access.js';
import { httpApplication } from '../src/http-application.js';
import { routeDescriptions } from '../src/openapi-routes.js';
import type { HostServer } from '../src/server.js';
import { askJson } from './asking.js';
import { env, Workbench } from './workbench.js';

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly security?: readonly object[];
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: { readonly content: Record<string, { readonly schema?: object }> };
  readonly responses: Record<string, object>;
}

interface Document {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { readonly schemas: Record<string, object> };
}

let bench: Workbench;
let server: HostServer;
let document: Document;

beforeAll(async () => {
  bench = await Workbench.open();
  server = await bench.server({ token: 'papageno-papagena-tamino' });
  document = (await askJson<Document>(server, '/v1/openapi.json')).body;
});
afterAll(() => bench.close());

const operations = (): [string, Operation][] =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(
      ([method, operation]) =>
        [`${method.toUpperCase()} ${path}`, operation] as [string, Operation],
    ),
  );

it('is valid OpenAPI 3.1', async () => {
  const validator = new Validator();
  const copy = structuredClone(document) as unknown as Parameters<Validator['validate']>[0];
  const { errors, valid } = await validator.validate(copy);
  expect(errors ?? []).toEqual([]);
  expect(valid).toBe(true);
  expect(validator.version).toBe('3.1');
});

it('has every route of the application, each with a summary, an answer and a name of its own', async () => {
  const listener = env.network.createHttpServer();
  const app = await httpApplication({
    env,
    listener,
    served: server.host,
    access: new Access({ token: undefined, users: server.host.userTables, clock: env.clock }),
    origin: () => null,
    identity: { product: 'pamina', instance: '0', startedAt: 0 },
  });
  const found = operations();
  for (const [name] of found) {
    const [method = '', path = ''] = name.split(' ');
    const url = path.replaceAll(/\{(\w+)\}/g, ':$1');
    expect(app.hasRoute({ method, url }), name).toBe(true);
  }
  // What the router prints is the one list that nobody has to keep.
  const printed = app.printRoutes({ commonPrefix: false });
  const verbs = [...printed.matchAll(/\(([A-Z, ]+)\)/g)]
    .flatMap(([, all = '']) => all.split(', '))
    .filter((verb) => verb !== 'HEAD');
  expect(found).toHaveLength(verbs.length);
  const names = found.map(([, { operationId }]) => operationId);
  expect(new Set(names).size).toBe(names.length);
  for (const [name, { responses, summary }] of found) {
    expect(summary.length, name).toBeGreaterThan(5);
    expect(Object.keys(responses), name).toEqual(expect.arrayContaining(['200', 'default']));
  }
  await app.close();
  await listener.close();
});

it('describes no route that is not there', () => {
  const paths = operations().map(([name]) => name.replaceAll(/\{(\w+)\}/g, ':$1'));
  expect(Object.keys(routeDescriptions).toSorted()).toEqual(paths.toSorted());
});

it('has the schemas that validate requests, and names the parameters of each path', () => {
  const put = document.paths['/v1/databases/{name}/put']?.['post'];
  expect(put?.requestBody?.content['application/json']?.schema).toMatchObject({
    required: ['key', 'value'],
    additionalProperties: false,
  });
  for (const [name, { parameters = [] }] of operations()) {
    const inPath = parameters.filter((one) => one.in === 'path').map((one) => `{${one.name}}`);
    expect(inPath.toSorted(), name).toEqual((name.match(/\{\w+\}/g) ?? []).toSorted());
  }
  expect(Object.keys(document.components.schemas)).toContain('DatabaseStatus');
});

it('P14 says which routes need no token', () => {
  const open = operations().filter(([, { security }]) => security?.length === 0);
  expect(open.map(([name]) => name).toSorted()).toEqual([
    'GET /health',
    'GET /v1/openapi.json',
    'GET /v1/server',
  ]);
});
