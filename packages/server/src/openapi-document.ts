// The description of the HTTP API (OpenAPI 3.1), made of the routes as they are, of the schemas that validate their
// requests, and of what openapi-routes.ts says of their answers. It is made when somebody asks for it.

import { version } from '@pamina/engine';
import { progressAnswer } from '@pamina/wire';
import type { DescribedRoute } from './described-route.js';
import { namedSchemas, type RouteDescription, routeDescriptions } from './openapi-routes.js';

export function openapiDocument(routes: readonly DescribedRoute[]): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const path = route.url.replaceAll(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route) };
  }
  const named = [...namedSchemas].map(([schema, name]) => [name, referring(schema, schema)]);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Pamina',
      version,
      description: introduction,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }],
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
      schemas: { Error: errorSchema, ...(Object.fromEntries(named) as object) },
      responses: {
        Error: {
          description: 'What went wrong, by a code, and what to do.',
          headers: { 'x-request-id': requestIdHeader },
          content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
        },
      },
    },
  };
}

const introduction =
  'The databases of a server. Keys and values are text. An answer of application/x-ndjson is lines of JSON, each ' +
  'an object with one of the members progress, item, result and error; it is whole if its last line has result or ' +
  'error, and empty lines are heartbeats. Without a token only programs of the same machine are served.';

const requestIdHeader = {
  description: 'The id of the request: the x-request-id that was sent, or a new one.',
  schema: { type: 'string' },
};

const errorSchema = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['code', 'message', 'hint'],
      properties: {
        code: { type: 'string', description: 'One of those in ERRORS.md.' },
        message: { type: 'string' },
        hint: { type: 'string', description: 'What to do next.' },
      },
    },
    requestId: { type: 'string' },
  },
};

function operationOf({ method, role, schema, url }: DescribedRoute): object {
  const description = routeDescriptions[`${method} ${url}`];
  const { headers = {}, statuses = {}, summary = '' } = description ?? {};
  const others = Object.entries(statuses).map(([status, text]) => [
    status,
    { description: text, content: contentOf(description) },
  ]);
  const parameters = [
    ...parametersOf('path', schema.params),
    ...parametersOf('query', schema.querystring),
    ...Object.entries(headers).map(([name, text]) => ({
      name,
      in: 'header',
      description: text,
      schema: { type: 'string' },
    })),
  ];
  const body = bodyOf(schema.body, description);
  return {
    operationId: operationId(method, url),
    summary,
    ...(role !== undefined && { 'x-pamina-role': role }),
    ...(role === 'open' && { security: [] }),
    ...(parameters.length > 0 && { parameters }),
    ...(body !== null && { requestBody: body }),
    responses: {
      '200': {
        description: 'Done.',
        headers: { 'x-request-id': requestIdHeader },
        content: contentOf(description),
      },
      ...(Object.fromEntries(others) as object),
      default: { $ref: '#/components/responses/Error' },
    },
  };
}

/** `POST /v1/databases/:name/put` is postDatabasesNamePut. */
function operationId(method: string, url: string): string {
  const words = url.split(/[^a-z0-9]+/i).filter((word) => word !== '' && word !== 'v1');
  const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);
  return method.toLowerCase() + words.map(capital).join('');
}

function parametersOf(
  place: 'path' | 'query',
  schema: DescribedRoute['schema']['params'],
): object[] {
  const { properties = {}, required = [] } = schema ?? {};
  return Object.entries(properties).map(([name, of]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    schema: referring(of),
  }));
}

function bodyOf(
  body: object | undefined,
  description: RouteDescription | undefined,
): object | null {
  const lines = description?.lines;
  if (lines !== undefined) {
    return { required: true, content: { 'application/x-ndjson': { schema: referring(lines) } } };
  }
  if (body === undefined) return null;
  return { required: true, content: { 'application/json': { schema: referring(body) } } };
}

function contentOf(description: RouteDescription | undefined): object {
  const { answer = {}, form = 'json' } = description ?? {};
  switch (form) {
    case 'json':
      return { 'application/json': { schema: referring(answer) } };
    case 'task':
      return { 'application/x-ndjson': { schema: lineOf({ result: referring(answer) }) } };
    case 'items':
      return {
        'application/x-ndjson': { schema: lineOf({ item: referring(answer), result: {} }) },
      };
    case 'bytes':
      return { 'application/octet-stream': {} };
    case 'events':
      return { 'text/event-stream': { schema: { type: 'string' } } };
    case 'text':
      return { 'text/plain': { schema: { type: 'string' } } };
    case 'document':
      return { 'application/json': { schema: { type: 'object' } } };
  }
}

/** One of the lines. */
function lineOf(members: Readonly<Record<string, object>>): object {
  const all = { progress: referring(progressAnswer), ...members };
  const error = { $ref: '#/components/schemas/Error' };
  const one = Object.entries(all).map(([name, schema]) => ({
    type: 'object',
    required: [name],
    properties: { [name]: schema },
  }));
  return { oneOf: [...one, error] };
}

/** A plain copy in which schemas that have a name are referred to by it. */
function referring(schema: unknown, root?: object): object {
  if (typeof schema !== 'object' || schema === null) return schema as object;
  const name = schema === root ? undefined : namedSchemas.get(schema);
  if (name !== undefined) return { $ref: `#/components/schemas/${name}` };
  if (Array.isArray(schema)) return schema.map((item) => referring(item));
  const entries = Object.entries(schema).map(([key, value]) => [key, referring(value)]);
  return Object.fromEntries(entries) as object;
}
