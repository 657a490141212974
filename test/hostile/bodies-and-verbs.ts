// Attacks on what a request carries and on what it asks for: bodies that are bombs, words that are none, roles that do
// not reach, things that were done already.
import { type Attack, raw, request, type Who } from './attack.js';

const put = 'POST /v1/databases/orders/put';
const importing = 'POST /v1/databases/orders/import';
const ndjson = 'application/x-ndjson';

function body(
  name: string,
  line: string,
  text: string,
  demanded: readonly number[] = [400],
  contentType?: string,
): Attack {
  return { name, demanded, bytes: request(line, { body: text, contentType }) };
}

export const bodies: readonly Attack[] = [
  body('nesting of 50,000', put, '['.repeat(50_000)),
  body('nesting of 20,000 that ends', put, `${'['.repeat(20_000)}${']'.repeat(20_000)}`),
  body('nested objects', put, `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`),
  body('a million values', 'POST /v1/databases/orders/batch', `[${'1,'.repeat(1_000_000)}1]`),
  body('__proto__', put, '{"__proto__":{"role":"admin"},"key":"a","value":"b"}'),
  body('an encoded __proto__', put, '{"\\u005f_proto__":{"role":"admin"},"key":"a","value":"b"}'),
  body('constructor.prototype', put, '{"constructor":{"prototype":{"x":1}},"key":"a","value":"b"}'),
  body('a field that is not known', put, '{"key":"a","value":"b","role":"admin"}'),
  body('a number for a key', put, '{"key":1,"value":"b"}'),
  body('an object for a key', put, '{"key":{"$gt":""},"value":"b"}'),
  body('an array for everything', put, '[]'),
  body('nothing', put, ''),
  body('null', put, 'null'),
  body('something behind the end', put, '{"key":"a","value":"b"} {"key":"c","value":"d"}'),
  body('a number that is none', put, '{"key":"a","value":NaN}'),
  body(
    'another kind of text',
    put,
    '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>',
    [400, 415],
    'text/xml',
  ),
  body('a form', put, 'key=a&value=b', [400, 415], 'application/x-www-form-urlencoded'),
  body('a form that a page can send', put, '{"key":"a","value":"b"}', [400, 415], 'text/plain'),
  body('many parts', put, '--x\r\n\r\n--x--', [400, 415], 'multipart/form-data; boundary=x'),
  body('more than a name needs', 'POST /v1/databases', `{"name":"${'x'.repeat(70_000)}"}`, [413]),
  ...['gzip', 'deflate', 'br'].map((encoding) => ({
    name: `a body in ${encoding}, which nobody unpacks`,
    demanded: [400, 415],
    bytes: request(put, {
      body: '\u001f\u008b\u0008\u0000\u0000',
      headers: [`Content-Encoding: ${encoding}`],
    }),
  })),
  {
    name: 'ten gigabytes that are only announced',
    demanded: [413],
    bytes: raw(
      'POST /v1/databases/orders/put HTTP/1.1\nHost: HOST\nAuthorization: Bearer TOKEN\nContent-Type: application/json\nContent-Length: 10737418240\n\n{',
    ),
  },
  body('lines that are no entries', importing, '{"key":1}\n', [400], ndjson),
  body('a line that is no JSON', importing, 'x'.repeat(100_000), [400], ndjson),
  body('a line of nesting', importing, `${'['.repeat(60_000)}\n`, [400], ndjson),
  body(
    'a line with __proto__ alone',
    importing,
    '{"__proto__":{"key":"a","value":"b"}}\n',
    [400],
    ndjson,
  ),
  body('an import that is no stream', importing, '{"key":"a","value":"b"}', [400, 415]),
  {
    name: 'an import that breaks off in its first line',
    demanded: ['closed'],
    options: { destroy: true },
    bytes: raw(
      'POST /v1/databases/orders/import HTTP/1.1\nHost: HOST\nAuthorization: Bearer TOKEN\nContent-Type: application/x-ndjson\nTransfer-Encoding: chunked\n\n9\n{"key":"h\n',
    ),
  },
];

export const words: readonly Attack[] = [
  body('a database that climbs', 'POST /v1/databases', '{"name":"../up"}'),
  body('a database with a reserved name', 'POST /v1/databases', '{"name":"server.json"}'),
  body(
    'a backup that is a file',
    'POST /v1/databases',
    '{"name":"x","fromBackup":"file:///etc/passwd"}',
    [400, 404],
  ),
  body(
    'a master that is an address',
    'POST /v1/databases/x/replicate',
    '{"master":"http://169.254.169.254/"}',
  ),
  body('a user that climbs', 'POST /v1/databases/orders/users', '{"user":"../x","roles":["read"]}'),
  body(
    'a role that there is not',
    'POST /v1/databases/orders/users',
    '{"user":"x","roles":["root"]}',
  ),
  body('no role', 'POST /v1/databases/orders/users', '{"user":"x","roles":[]}'),
  body(
    'a label without end',
    'POST /v1/databases/orders/users',
    `{"user":"x","roles":["read"],"label":"${'x'.repeat(65)}"}`,
  ),
  body(
    'a time beyond all',
    'POST /v1/databases/orders/users',
    '{"user":"x","roles":["read"],"expiresAt":1e400}',
  ),
  body('a lease for ever', 'POST /v1/databases/orders/transactions', '{"leaseMs":1e15}'),
  body('a time limit below nothing', 'POST /v1/databases/orders/transactions', '{"timeoutMs":-1}'),
  body(
    'a compression that there is not',
    'POST /v1/databases/orders/backups',
    '{"compression":"zip"}',
  ),
  ...[
    ['two prefixes', 'export?prefix=a&prefix=b'],
    ['a prefix that is an object', 'export?prefix[$gt]=a'],
    ['a position that is none', 'hash?at=1%2F99999999999999999999999'],
    ['a limit below nothing', 'log?limit=-1'],
    ['a limit beyond all', 'log?limit=99999999999999999999'],
    ['bytes before the beginning', 'log-bytes?segment=x&from=-1&to=5'],
    ['a segment that climbs', 'log-bytes?segment=..%2F..%2F..%2Fetc%2Fpasswd&from=0&to=10'],
    ['a source that is not there', 'log?source=%2Fproc%2Fnothing%2F'],
  ].map(([name = '', path = '']) => ({
    name,
    demanded: [400, 404],
    refuses: /PATH=|root:/,
    bytes: request(`GET /v1/databases/orders/${path}`),
  })),
];

function asked(
  name: string,
  who: Who,
  line: string,
  demanded: readonly number[],
  text?: string,
): Attack {
  return { name, demanded, bytes: request(line, { who, body: text }) };
}

export const roles: readonly Attack[] = [
  asked('a reader that writes', 'read', put, [403], '{"key":"a","value":"evil"}'),
  asked('a reader that begins to write', 'read', importing, [403], '{}'),
  asked('a reader that deletes all', 'read', 'DELETE /v1/databases/orders', [403]),
  asked(
    'a reader that makes itself an administrator',
    'read',
    'PUT /v1/databases/orders/users/read',
    [403],
    '{"roles":["admin"]}',
  ),
  asked(
    'a writer that makes a token',
    'write',
    'POST /v1/databases/orders/users/admin/tokens',
    [403],
    '{}',
  ),
  asked('a replica that reads documents', 'replicate', 'GET /v1/databases/orders/export', [403]),
  asked(
    'a replica that permits another',
    'replicate',
    'PUT /v1/databases/orders/replicas/evil',
    [403],
    '{}',
  ),
  asked(
    'a backup that reads documents',
    'backup',
    'POST /v1/databases/orders/get',
    [403],
    '{"key":"a"}',
  ),
  asked('a backup elsewhere', 'backup', 'GET /v1/databases/orders/backups?from=%2Fetc', [403]),
  asked(
    'a verification elsewhere',
    'backup',
    'POST /v1/databases/orders/verify',
    [403],
    '{"from":"s3://evil/x?endpoint=http://127.0.0.1:1"}',
  ),
  asked(
    'an administrator that makes a database',
    'admin',
    'POST /v1/databases',
    [403],
    '{"name":"evil"}',
  ),
  asked(
    'an administrator that copies',
    'admin',
    'POST /v1/databases/orders/restore',
    [403],
    '{"as":"evil"}',
  ),
  asked(
    'an administrator that writes to the disk',
    'admin',
    'PUT /v1/databases/orders/archives/x',
    [403],
    '{"address":"/tmp/evil"}',
  ),
  asked(
    'an administrator that takes a name',
    'admin',
    'POST /v1/databases/orders/rename',
    [403],
    '{"to":"payroll"}',
  ),
  asked('an administrator of another database', 'admin', 'GET /v1/databases/payroll', [401]),
  asked(
    'an administrator that follows another database',
    'admin',
    'POST /v1/databases/orders/replicate',
    [403],
    '{"master":"payroll","recreate":true}',
  ),
  asked(
    'an administrator that rejoins another',
    'admin',
    'POST /v1/databases/orders/rejoin',
    [403],
    '{"master":"payroll"}',
  ),
  asked('a token that was revoked', 'revoked', 'GET /v1/databases/orders', [401, 429]),
  asked('nobody, with a body', 'nobody', put, [401], '{"key":"a","value":"evil"}'),
  asked('nobody, at a path that there is not', 'nobody', 'GET /v1/admin', [401]),
  asked('nobody, at the documents of a program', 'nobody', 'GET /.env', [401]),
  {
    name: 'a body that is refused before it is sent',
    demanded: [403],
    bytes: (target) =>
      request(put, {
        who: 'read',
        headers: ['Content-Type: application/json', 'Content-Length: 70000000'],
      })(target),
  },
  // What was recorded on the wire and is sent again.
  asked(
    'a promotion of what is no replica',
    'server',
    'POST /v1/databases/orders/take-over',
    [409],
    '{"master":"payroll","fenced":null,"untilSeq":null,"timeoutMs":1000}',
  ),
  asked(
    'a promotion with a revoked token',
    'revoked',
    'POST /v1/databases/orders/take-over',
    [401, 429],
    '{"master":"orders","fenced":null,"untilSeq":null,"timeoutMs":1000}',
  ),
  {
    name: 'a failover to nobody',
    demanded: [200, 409],
    answers: /FAILOVER_IMPOSSIBLE/,
    bytes: request('POST /v1/databases/orders/failover', { body: '{"to":"evil"}' }),
  },
  asked(
    'a failover by a writer',
    'write',
    'POST /v1/databases/orders/failover',
    [403],
    '{"acceptLoss":true}',
  ),
  asked(
    'a fence by a replica',
    'replicate',
    'POST /v1/databases/orders/fence',
    [403],
    '{"successor":"evil"}',
  ),
  asked('a reset of what is no replica', 'server', 'POST /v1/databases/orders/reset', [409], '{}'),
  asked(
    'a commit of a transaction of somebody',
    'write',
    `POST /v1/databases/orders/transactions/${'0'.repeat(32)}/commit`,
    [404],
    '{}',
  ),
];
