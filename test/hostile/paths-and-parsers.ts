// Attacks on what reads a request before any verb does: paths, the parser of HTTP, headers, methods.
import { type Attack, raw, request } from './attack.js';

const climbing: readonly (readonly [string, string])[] = [
  ['dots', '..'],
  ['encoded dots', '%2e%2e'],
  ['encoded slashes', '..%2f..%2f..%2fetc%2fpasswd'],
  ['double encoding', '%252e%252e%252f%252e%252e%252fetc'],
  ['backslashes', '..%5c..%5cwindows'],
  ['a null byte', 'orders%00.json'],
  ['an overlong encoding', '%c0%ae%c0%ae%c0%af'],
  ['a whole path', '%2fetc%2fpasswd'],
  ['a line break', 'x%0d%0aSet-Cookie:%20a=b'],
  ['a name of 300 characters', 'x'.repeat(300)],
  ['a key of every object', '__proto__'],
];

/** Every kind of parameter that a path has. */
const places: readonly (readonly [string, string, string | undefined])[] = [
  ['name', 'GET /v1/databases/PLACE', undefined],
  ['name, to write', 'POST /v1/databases/PLACE/put', '{"key":"a","value":"b"}'],
  ['property', 'PUT /v1/databases/orders/settings/PLACE', '{"value":"1"}'],
  ['replica', 'DELETE /v1/databases/orders/replicas/PLACE', undefined],
  ['archive', 'DELETE /v1/databases/orders/archives/PLACE', undefined],
  ['backup', 'GET /v1/databases/orders/backups/PLACE/files/manifest', undefined],
  ['file', 'GET /v1/databases/orders/backups/initial/files/PLACE', undefined],
  ['transaction', 'POST /v1/databases/orders/transactions/PLACE/get', '{"key":"a"}'],
  ['user', 'DELETE /v1/databases/orders/users/PLACE', undefined],
  ['token', 'DELETE /v1/databases/orders/users/read/tokens/PLACE', undefined],
];

export const traversal: readonly Attack[] = places.flatMap(([place, line, body]) =>
  climbing.map(([how, text]) => ({
    name: `${how} as ${place}`,
    demanded: [400, 404, 414],
    refuses: /\nset-cookie:|root:x:/i,
    bytes: request(line.replace('PLACE', text), { body }),
  })),
);

const inside = 'DELETE /v1/databases/orders HTTP/1.1\nHost: HOST\nAuthorization: Bearer TOKEN\n\n';
const head = 'Host: HOST\nAuthorization: Bearer TOKEN\nContent-Type: application/json';

export const smuggling: readonly Attack[] = [
  {
    name: 'a length and chunks',
    demanded: [400],
    bytes: raw(
      `POST /v1/databases HTTP/1.1\n${head}\nContent-Length: 4\nTransfer-Encoding: chunked\n\n0\n\n${inside}`,
    ),
  },
  {
    name: 'two lengths',
    demanded: [400],
    bytes: raw(
      `POST /v1/databases HTTP/1.1\n${head}\nContent-Length: 0\nContent-Length: 200\n\n${inside}`,
    ),
  },
  {
    name: 'chunks that are not the last encoding',
    demanded: [400],
    bytes: raw(
      `POST /v1/databases HTTP/1.1\n${head}\nTransfer-Encoding: chunked, identity\n\n0\n\n${inside}`,
    ),
  },
  {
    name: 'an encoding with a tab in it',
    demanded: [400, 415, 'closed'],
    bytes: raw(
      `POST /v1/databases HTTP/1.1\n${head}\nTransfer-Encoding:\tx\x0bchunked\n\n0\n\n${inside}`,
    ),
  },
  {
    name: 'a length with a sign',
    demanded: [400],
    bytes: raw(`POST /v1/databases HTTP/1.1\n${head}\nContent-Length: +2\n\n{}`),
  },
  {
    name: 'a length below nothing',
    demanded: [400],
    bytes: raw(`POST /v1/databases HTTP/1.1\n${head}\nContent-Length: -1\n\n{}`),
  },
  {
    name: 'a length beyond all numbers',
    demanded: [400, 413],
    bytes: raw(`POST /v1/databases HTTP/1.1\n${head}\nContent-Length: 99999999999999999999999\n\n`),
  },
  {
    name: 'a chunk beyond all numbers',
    demanded: [400, 413],
    bytes: raw(
      `POST /v1/databases HTTP/1.1\n${head}\nTransfer-Encoding: chunked\n\nfffffffffffffffff\n{}`,
    ),
  },
  {
    name: 'a chunk whose size is none',
    demanded: [400],
    bytes: raw(
      `POST /v1/databases HTTP/1.1\n${head}\nTransfer-Encoding: chunked\n\n0x2\n{}\n0\n\n`,
    ),
  },
  {
    name: 'a blank before the colon',
    demanded: [400],
    bytes: raw(`POST /v1/databases HTTP/1.1\n${head}\nContent-Length : 2\n\n{}`),
  },
  {
    name: 'a folded header',
    demanded: [400],
    bytes: raw(`GET /v1/databases HTTP/1.1\nHost: HOST\nX: a\n\tTransfer-Encoding: chunked\n\n`),
  },
  {
    name: 'a header without a name',
    demanded: [400],
    bytes: raw(`GET /v1/databases HTTP/1.1\nHost: HOST\n: x\n\n`),
  },
  {
    name: 'a null byte in a header',
    demanded: [400],
    bytes: raw(`GET /v1/databases HTTP/1.1\nHost: HOST\nX: a\0b\n\n`),
  },
  {
    name: 'a null byte in the path',
    demanded: [400],
    bytes: raw(`GET /v1/data\0bases HTTP/1.1\nHost: HOST\nAuthorization: Bearer TOKEN\n\n`),
  },
  {
    name: 'bare line feeds',
    demanded: [400],
    bytes: ({ port }) => `GET /v1/databases HTTP/1.1\nHost: 127.0.0.1:${port}\n\n`,
  },
  {
    name: 'a version that there is not',
    demanded: [400, 505],
    bytes: raw('GET /v1/databases HTTP/9.9\nHost: HOST\n\n'),
  },
  {
    name: 'the preface of HTTP/2',
    demanded: [400, 'closed'],
    bytes: raw('PRI * HTTP/2.0\n\nSM\n\n'),
  },
  {
    name: 'no HTTP at all',
    demanded: [400, 'closed'],
    bytes: () => '\x16\x03\x01\x02\x00\x01\x00',
  },
  { name: 'no host', demanded: [400], bytes: raw('GET /v1/databases HTTP/1.1\n\n') },
];

export const headers: readonly Attack[] = [
  {
    name: 'a header of 64 KiB',
    demanded: [431],
    bytes: request('GET /v1/databases', { headers: [`X: ${'a'.repeat(65_536)}`] }),
  },
  {
    name: 'a thousand headers, the credential behind them',
    demanded: [401, 431],
    bytes: (target) =>
      request('GET /v1/databases', {
        who: 'nobody',
        headers: [
          ...Array.from({ length: 1000 }, (_, n) => `x${n}: 1`),
          `Authorization: Bearer ${target.serverToken}`,
        ],
      })(target),
  },
  {
    name: 'a path of 64 KiB',
    demanded: [400, 414, 431],
    bytes: request(`GET /v1/databases/${'a/'.repeat(32_768)}`),
  },
  {
    name: 'a query of 12 KiB',
    demanded: [400],
    bytes: request(`GET /v1/databases/orders/export?${'a=1&'.repeat(3_000)}`),
  },
  {
    name: 'the token in the query',
    demanded: [401],
    bytes: (target) =>
      request(`GET /v1/databases?token=${target.serverToken}`, { who: 'nobody' })(target),
  },
  {
    name: 'the token as a cookie',
    demanded: [401],
    bytes: (target) =>
      request('GET /v1/databases', {
        who: 'nobody',
        headers: [`Cookie: token=${target.serverToken}`],
      })(target),
  },
  {
    name: 'the token as a password',
    demanded: [401],
    bytes: (target) => {
      const basic = Buffer.from(`admin:${target.serverToken}`).toString('base64');
      return request('GET /v1/databases', {
        who: 'nobody',
        headers: [`Authorization: Basic ${basic}`],
      })(target);
    },
  },
  {
    name: 'two credentials, the second one right',
    demanded: [401],
    bytes: (target) =>
      request('GET /v1/databases', {
        who: 'revoked',
        headers: [`Authorization: Bearer ${target.serverToken}`],
      })(target),
  },
  {
    name: 'a page of another origin that has the token',
    demanded: [403],
    bytes: request('GET /v1/databases', { headers: ['Origin: https://evil.example'] }),
  },
  {
    name: 'a page of no origin that has the token',
    demanded: [403],
    bytes: request('GET /v1/databases', { headers: ['Origin: null'] }),
  },
  {
    name: 'a method in a header',
    demanded: [200],
    bytes: request('GET /v1/databases/orders', { headers: ['X-HTTP-Method-Override: DELETE'] }),
  },
  ...['TRACE', 'OPTIONS', 'PATCH', 'PROPFIND', 'PURGE'].map((method) => ({
    name: `the method ${method}`,
    demanded: [404],
    bytes: request(`${method} /v1/databases/orders`),
  })),
  {
    name: 'a tunnel',
    demanded: [400, 404, 'closed' as const],
    bytes: request('CONNECT 169.254.169.254:80'),
  },
  { name: 'a method that is none', demanded: [400], bytes: request('DROP /v1/databases/orders') },
  {
    name: 'a body with a GET',
    demanded: [200, 400],
    bytes: request('GET /v1/databases/orders', { body: '{"name":"evil"}' }),
  },
  {
    name: 'a hundred ranges',
    demanded: [200, 404],
    bytes: request('GET /v1/databases/orders/backups/initial/files/manifest', {
      headers: [`Range: bytes=${'0-0,'.repeat(100)}0-0`],
    }),
  },
  {
    name: 'a range beyond all numbers',
    demanded: [200, 206, 404],
    bytes: request('GET /v1/databases/orders/backups/initial/files/manifest', {
      headers: ['Range: bytes=0-99999999999999999999'],
    }),
  },
];

/** At a server that asks nobody of its own machine for anything. */
export const pages: readonly Attack[] = [
  ['a name that was bound to this machine (DNS rebinding)', ['Host: evil.example:7474']],
  ['no host that is one', ['Host: @127.0.0.1']],
  ['an address of another machine', ['Host: 10.0.0.1']],
  ['a forwarded host', ['Host: evil.example', 'X-Forwarded-Host: 127.0.0.1']],
  ['a page of another origin', ['Host: 127.0.0.1', 'Origin: https://evil.example']],
  ['a page of no origin', ['Host: 127.0.0.1', 'Origin: null']],
  ['a page of another port', ['Host: 127.0.0.1', 'Origin: http://127.0.0.1:8080']],
  ['a request across sites', ['Host: 127.0.0.1', 'Sec-Fetch-Site: cross-site']],
].map(([name, lines]) => ({
  name: name as string,
  isOpen: true,
  demanded: [403],
  bytes: () => `POST /v1/databases HTTP/1.1\r\n${(lines as string[]).join('\r\n')}\r\n\r\n`,
}));
