// Control messages: what goes in comes out, and nothing else comes in.
import {
  isPaminaError,
  packBytes,
  PaminaError,
  timelinesMax,
  wireMessageBytesMax,
} from '@pamina/format';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeFeedMessage,
  decodeFollowerMessage,
  encodeChannelMessage,
} from '../src/channel-control.js';
import type { ChannelMessage, FeedMessage, FollowerMessage } from '../src/channel-message.js';

const created = { timeline: 1, id: '0f3a0f3a0f3a0f3a', forkedFrom: null, atSeq: 0, why: 'created' };
const timelines = [
  created,
  { timeline: 2, id: '1f3a0f3a0f3a0f3a', forkedFrom: '0f3a0f3a0f3a0f3a', atSeq: 7, why: 'reset' },
];
const point = { timeline: 2, timelineId: '1f3a0f3a0f3a0f3a', seq: 9, chain: 77, time: 1234 };
const hex32 = 'ab'.repeat(16);

const followerMessages: FollowerMessage[] = [
  {
    type: 'hello',
    protocol: 1,
    formatVersion: 1,
    database: 'orders',
    replica: 'orders-replica',
    instance: hex32,
    pattern: hex32,
    timelines,
    point,
    segment: { name: '1-0f3a0f3a0f3a0f3a/00000037/0000000000048213.seg', offset: 4711 },
    simultaneousQuery: true,
  },
  { type: 'request', bytes: 1 << 20, wait: true },
  { type: 'report', received: 9, durable: 8, applied: 7, oldest: 3 },
  { type: 'report', received: 9, durable: 8, applied: 7 },
  { type: 'goodbye' },
];
const feedMessages: FeedMessage[] = [
  {
    type: 'welcome',
    protocol: 1,
    instance: hex32,
    name: 'orders',
    timelines,
    point,
    replicationDelayMs: 5000,
    time: 99,
    lockData: false,
  },
  { type: 'refuse', code: 'LOG_GONE', message: 'no', context: { seq: 7 } },
  { type: 'end', point, time: 99 },
  { type: 'heartbeat', point, time: 99, logBytes: 12, replicationDelayMs: 0 },
  { type: 'heartbeat', point, time: 99, replicationDelayMs: 0 },
];

const decodeOf = (message: ChannelMessage) =>
  followerMessages.includes(message as FollowerMessage) ? decodeFollowerMessage : decodeFeedMessage;
const frameOf = (value: unknown) => Uint8Array.of(1, ...packBytes(value));

describe('control messages', () => {
  it.each([...followerMessages, ...feedMessages])(
    'P14 $type comes out as it went in',
    (message) => {
      expect(decodeOf(message)(encodeChannelMessage(message))).toEqual(message);
    },
  );

  it('P14 the two sides do not take each other’s messages', () => {
    for (const message of followerMessages) {
      expect(() => decodeFeedMessage(encodeChannelMessage(message))).toThrow(PaminaError);
    }
    for (const message of feedMessages) {
      expect(() => decodeFollowerMessage(encodeChannelMessage(message))).toThrow(PaminaError);
    }
  });

  it('P14 a field that is missing or of another type is MESSAGE_INVALID', () => {
    const optional = new Set(['oldest', 'logBytes']);
    for (const message of [...followerMessages, ...feedMessages]) {
      for (const field of Object.keys(message).filter((name) => !optional.has(name))) {
        const { [field]: _gone, ...rest } = message as unknown as Record<string, unknown>;
        const broken = { ...rest, [field]: [{ nonsense: true }] };
        for (const value of [rest, broken]) {
          const outcome = attempt(() => decodeOf(message)(frameOf(value)));
          expect(isPaminaError(outcome), `${message.type}.${field}`).toBe(true);
        }
      }
    }
  });

  it('P14 a peer of another protocol that cannot be read is VERSION_MISMATCH, not invalid', () => {
    const outcome = attempt(() => decodeFollowerMessage(frameOf({ type: 'hello', protocol: 9 })));
    expect(isPaminaError(outcome, 'VERSION_MISMATCH')).toBe(true);
  });

  it('P14 no bytes make the decoder throw anything but its own errors', () => {
    const messages = [...followerMessages, ...feedMessages].map((message) =>
      encodeChannelMessage(message),
    );
    const mangled = fc
      .tuple(fc.constantFrom(...messages), fc.nat(), fc.integer({ min: 0, max: 255 }), fc.nat())
      .map(([bytes, at, value, length]) => {
        const copy = bytes.slice(0, Math.max(1, bytes.length - (length % 4)));
        copy[at % copy.length] = value;
        return copy;
      });
    fc.assert(
      fc.property(fc.oneof(mangled, fc.uint8Array({ maxLength: 200 })), (bytes) => {
        for (const decode of [decodeFollowerMessage, decodeFeedMessage]) {
          const outcome = attempt(() => decode(bytes));
          if (outcome instanceof Error) expect(isPaminaError(outcome)).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('P13 a message that is too large is neither sent nor read', () => {
    const [hello] = followerMessages;
    const why = 'x'.repeat(256);
    const many = Array.from({ length: timelinesMax * 3 }, () => ({ ...created, why }));
    expect(() =>
      encodeChannelMessage({
        ...(hello as Extract<FollowerMessage, { type: 'hello' }>),
        timelines: many,
      }),
    ).toThrow(/larger/);
    const frame = new Uint8Array(wireMessageBytesMax + 1).fill(1);
    expect(() => decodeFeedMessage(frame)).toThrow(PaminaError);
  });
});

function attempt(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}
