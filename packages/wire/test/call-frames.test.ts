// Messages of the channel of calls: what is written is read, in one piece or in parts, and nothing malformed is let in.
import { callBytesMax, callPartBytesMax, callsPerMessageMax, PaminaError } from '@pamina/format';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BodyReader, readEntries, readKeys, readOperations } from '../src/calls-body.js';
import {
  decodeCallsControl,
  decodeCallsHello,
  encodeCallsControl,
  readBegin,
  readCallOptions,
  readIterator,
} from '../src/calls-control.js';
import { answersHeaderBytes, callsHeaderBytes, callVerb, flagMore } from '../src/calls-format.js';
import { FrameReader, readPlace } from '../src/frame-reader.js';
import { FrameWriter } from '../src/frame-writer.js';
import { partsBudget } from '../src/parts-budget.js';
import { packBytes } from '@pamina/format';

const encoder = new TextEncoder();

function written(...bodies: Uint8Array[]): Uint8Array[] {
  const writer = new FrameWriter('calls');
  bodies.forEach((body, at) => {
    writer.begin(at + 1, callVerb.del);
    writer.datum(body);
    writer.end();
  });
  return writer.take();
}

function bodiesIn(messages: readonly Uint8Array[]): Uint8Array[] {
  const reader = new FrameReader('calls');
  return messages.flatMap((message) => reader.read(message)).map(({ body }) => body);
}

describe('calls in messages', () => {
  it('calls of any size come back in their order, small ones together, large ones in parts', () => {
    const size = fc.oneof(fc.nat(200), fc.nat(3 * callPartBytesMax));
    fc.assert(
      fc.property(fc.array(size, { minLength: 1, maxLength: 8 }), (sizes) => {
        const bodies = sizes.map((bytes, at) => new Uint8Array(bytes).fill(at + 1));
        const read = bodiesIn(written(...bodies));
        expect(read.map((body) => body.length)).toEqual(sizes);
        expect(read.every((body, at) => body.every((byte) => byte === at + 1))).toBe(true);
      }),
      { numRuns: 8 },
    );
    expect(written(...Array.from({ length: 100 }, () => new Uint8Array(8)))).toHaveLength(1);
  });

  it('many small calls are more than one message, none of which has more than may be in it', () => {
    const bodies = Array.from({ length: 3 * callsPerMessageMax }, () => new Uint8Array(1));
    const messages = written(...bodies);
    expect(messages.length).toBeGreaterThan(3);
    expect(bodiesIn(messages)).toHaveLength(bodies.length);
  });

  it('what is larger than a call may be is not sent, and what was before it is', () => {
    const writer = new FrameWriter('calls');
    writer.begin(1, callVerb.del);
    writer.datum('small');
    expect(writer.end()).toBe(true);
    writer.begin(2, callVerb.del);
    writer.datum(new Uint8Array(callBytesMax + 1));
    expect(writer.end()).toBe(false);
    const messages = writer.take();
    expect(messages).toHaveLength(1);
    expect(bodiesIn(messages)).toEqual([encoder.encode('small')]);
  });

  it('answers say where the place is', () => {
    const writer = new FrameWriter('answers');
    writer.begin(1, 0);
    writer.end();
    const place = { timeline: 3, atLeast: 2 ** 40, atMost: 2 ** 40 + 1 };
    const message = writer.take(place).at(0)!;
    expect(readPlace(message)).toEqual(place);
    expect(message.length).toBe(answersHeaderBytes + 12);
  });

  it('texts and operations are written as bytes', () => {
    const writer = new FrameWriter('calls');
    writer.begin(1, callVerb.batch, packBytes({ durability: 'memory' }));
    writer.operations([
      { type: 'put', key: 'é', value: '🐘' },
      { type: 'del', key: Uint8Array.of(0, 255) },
    ]);
    writer.end();
    const item = new FrameReader('calls').read(writer.take().at(0)!).at(0)!;
    expect(readCallOptions(item.options ?? new Uint8Array(0))).toMatchObject({
      durability: 'memory',
    });
    expect(readOperations(item.body)).toEqual([
      { type: 'put', key: encoder.encode('é'), value: encoder.encode('🐘') },
      { type: 'del', key: Uint8Array.of(0, 255) },
    ]);
  });
});

describe('what is malformed', () => {
  const [good] = written(encoder.encode('one'), encoder.encode('two')) as [Uint8Array];

  function changed(at: number, value: number): Uint8Array {
    const copy = good.slice();
    copy[at] = value;
    return copy;
  }

  const first = callsHeaderBytes;
  it.each([
    ['nothing at all', new Uint8Array(0)],
    ['another kind', changed(0, 3)],
    ['a header alone', good.slice(0, callsHeaderBytes)],
    ['half of a header of a call', good.slice(0, callsHeaderBytes + 5)],
    ['a body that is cut', good.slice(0, good.length - 1)],
    ['a length beyond the message', changed(first, 200)],
    ['a length beyond every message', changed(first + 3, 255)],
    ['flags that nobody knows', changed(first + 9, 2)],
    ['options longer than the body', changed(first + 10, 9)],
  ])('P14 %s is refused', (_, message) => {
    expect(() => new FrameReader('calls').read(message)).toThrowError(PaminaError);
  });

  it('P14 no message, whatever is in it, does anything but be read or refused', () => {
    const bytes = fc.uint8Array({ maxLength: 200 });
    const operations = [readOperations, readCallOptions, readIterator, readBegin, readEntries];
    const decoders = [
      ...operations,
      (body: Uint8Array) => readKeys(new BodyReader(body)),
      (body: Uint8Array) => new FrameReader('calls').read(body),
      (body: Uint8Array) => new FrameReader('answers').read(body),
      decodeCallsHello,
      decodeCallsControl,
    ];
    fc.assert(
      fc.property(bytes, fc.constantFrom(...decoders), (body, decode) => {
        try {
          decode(body);
        } catch (error) {
          expect(error).toBeInstanceOf(PaminaError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('P13 parts of a second call before the first is whole, and more parts than a call may have, are refused', () => {
    const part = (number: number): Uint8Array => {
      const writer = new FrameWriter('calls');
      writer.begin(number, callVerb.del);
      writer.datum(new Uint8Array(callPartBytesMax));
      writer.end();
      const message = writer.take().at(0)!;
      message[callsHeaderBytes + 9] = flagMore;
      return message;
    };
    const mixed = new FrameReader('calls');
    mixed.read(part(1));
    expect(() => mixed.read(part(2))).toThrowError(/order/);
    const endless = new FrameReader('calls');
    expect(() => {
      for (let bytes = 0; bytes <= callBytesMax + callPartBytesMax; bytes += callPartBytesMax) {
        endless.read(part(1));
      }
    }).toThrowError(/more than a call/);
  });

  it('P13 parts of all connections share a bound, and are let go of with their connection', () => {
    const budget = partsBudget(2 * callPartBytesMax);
    const large = written(new Uint8Array(3 * callPartBytesMax));
    const one = new FrameReader('calls', budget);
    const other = new FrameReader('calls', budget);
    one.read(large.at(0)!);
    other.read(large.at(0)!);
    expect(() => one.read(large.at(1)!)).toThrowError(/parts of calls/);
    other.close();
    expect(one.read(large.at(1)!)).toEqual([]);
  });

  it('P15 a hello of another version is refused by its number', () => {
    const hello = encodeCallsControl({ type: 'hello', protocol: 99 });
    expect(() => decodeCallsHello(hello)).toThrowError(
      expect.objectContaining({ code: 'VERSION_MISMATCH' }),
    );
  });
});
