// Attacks on channels and on patience: handshakes that are none, frames that may not be, clients that never end.
import { type Attack, request, type Target, type Who } from './attack.js';

const upgrade = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
];
const feed = 'GET /v1/databases/orders/feed';

function handshake(who: Who, line = feed, headers: readonly string[] = upgrade) {
  return request(line, { who, headers });
}

export const handshakes: readonly Attack[] = [
  { name: 'a feed for nobody', demanded: [401], bytes: handshake('nobody') },
  { name: 'a feed for a writer', demanded: [403], bytes: handshake('write') },
  { name: 'a feed with a revoked token', demanded: [401, 429], bytes: handshake('revoked') },
  {
    name: 'a feed of another database',
    demanded: [401],
    bytes: handshake('replicate', 'GET /v1/databases/payroll/feed'),
  },
  {
    name: 'a feed of a name that climbs',
    demanded: [400, 401, 404, 409],
    bytes: handshake('server', 'GET /v1/databases/..%2f..%2fetc/feed'),
  },
  {
    name: 'a feed for a page of another origin that has the token',
    demanded: [403],
    bytes: handshake('replicate', feed, [...upgrade, 'Origin: https://evil.example']),
  },
  {
    name: 'a channel that there is not',
    demanded: [400, 404],
    bytes: handshake('server', 'GET /v1/databases/orders/shell'),
  },
  {
    name: 'a handshake that posts',
    demanded: [400],
    bytes: handshake('replicate', feed.replace('GET', 'POST')),
  },
  ...[
    ['an old version', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Version: 8'],
    ['a key that is none', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Key: x'],
    ['another protocol', 'Upgrade: websocket', 'Upgrade: h2c'],
  ].map(([name = '', from = '', to = '']) => ({
    name: `a handshake with ${name}`,
    demanded: [400],
    bytes: handshake(
      'replicate',
      feed,
      upgrade.map((line) => (line === from ? to : line)),
    ),
  })),
];

/** A frame of a client: masked with zeros unless told otherwise. */
function frame(first: number, length: readonly number[], payload = Buffer.alloc(0)): Buffer {
  return Buffer.concat([Buffer.from([first, ...length]), Buffer.alloc(4), payload]);
}

function frames(name: string, afterwards: Buffer): Attack {
  return {
    name,
    demanded: [101],
    options: { afterwards, untilClosed: true, deadlineMs: 15_000 },
    bytes: handshake('replicate'),
  };
}

const binary = 0x82;
const garbage = Buffer.from('garbage that is no message of a replica');

/** After each the server ends the channel. */
export const badFrames: readonly Attack[] = [
  frames('a frame of eight exabytes', frame(binary, [0xff, 0x7f, ...Array<number>(7).fill(0xff)])),
  frames('a frame of 100 GiB', frame(binary, [0xff, 0, 0, 0, 0x19, 0, 0, 0, 0])),
  frames('a frame that is not masked', Buffer.from([binary, 0x02, 0x61, 0x62])),
  frames('a frame with reserved bits', frame(0xf2, [0x80])),
  frames('a frame that says it is compressed', frame(0xc2, [0x82], Buffer.from('ab'))),
  frames('an opcode that there is not', frame(0x8b, [0x80])),
  frames('a ping in pieces', frame(0x09, [0x80])),
  frames('a ping of 200 bytes', frame(0x89, [0xfe, 0, 200], Buffer.alloc(200))),
  frames('a continuation of nothing', frame(0x80, [0x82], Buffer.from('ab'))),
  frames('a goodbye that is cut', frame(0x88, [0x81], Buffer.from([3]))),
  frames('a goodbye with a code that there is not', frame(0x88, [0x82], Buffer.from([0, 1]))),
  frames('text', frame(0x81, [0x82], Buffer.from('ab'))),
  frames('garbage', frame(binary, [0x80 + garbage.length], garbage)),
  frames('an empty message', frame(binary, [0x80])),
];

/** They wait for as long as a stranger may take. */
export const slow: readonly Attack[] = [
  {
    name: 'headers that never end',
    isSlow: true,
    demanded: [408, 'closed'],
    options: { untilClosed: true, deadlineMs: 40_000 },
    bytes: ({ port }: Target) => `GET /v1/databases HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nX: a`,
  },
  {
    name: 'a connection that says nothing',
    isSlow: true,
    demanded: [408, 'closed'],
    options: { untilClosed: true, deadlineMs: 40_000 },
    bytes: () => '',
  },
];
