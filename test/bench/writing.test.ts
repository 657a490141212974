import { describe, expect, it } from 'vitest';
import {
  documentBytes,
  documentPool,
  documentTemplate,
  keysFrom,
  numberDigits,
  numbersPerDocument,
} from '../../scripts/bench/program/lib/document.mjs';
import {
  sustainedLines,
  windowRates,
  type SustainedTurn,
} from '../../scripts/bench/row/sustained.js';
import { verdictOf } from '../../scripts/bench/report.js';
import { optionIn, storeOptions } from '../../scripts/bench/store-options.js';

describe('what every contestant writes', () => {
  it('makes JSON documents of exactly 1 KiB, all different, equal for equal seeds', () => {
    const pool = documentPool(7);
    expect(new Set(pool.map((text) => Buffer.byteLength(text)))).toEqual(new Set([documentBytes]));
    expect(new Set(pool).size).toBe(pool.length);
    expect(JSON.parse(pool[0] ?? '')).toHaveProperty('customer.city', 'Vienna');
    expect(documentPool(7)).toEqual(pool);
  });

  it('draws keys that do not repeat, equal for equal seeds', () => {
    const draw = (seed: number) => Array.from({ length: 100_000 }, keysFrom(seed));
    const keys = draw(1);
    expect(new Set(keys).size).toBeGreaterThan(99_990);
    expect(keys[0]).toMatch(/^key:\d{12}$/);
    expect(draw(1)).toEqual(keys);
    expect(draw(2)[0]).not.toBe(keys[0]);
  });

  it('leaves the numbers of a template to the client, which makes it 1 KiB too', () => {
    let numbers = 0;
    const text = documentTemplate(() => {
      numbers += 1;
      return '0'.repeat(numberDigits);
    });
    expect(numbers).toBe(numbersPerDocument);
    expect(text).toHaveLength(documentBytes);
  });
});

describe('the options of the store that Pamina is compared with', () => {
  it('are those that the sources state', () => {
    const { writeBufferSize, maxFileSize } = storeOptions();
    expect(writeBufferSize).toBeGreaterThanOrEqual(2 ** 20);
    expect(maxFileSize).toBeGreaterThanOrEqual(2 ** 20);
  });

  it('are refused where they are stated in no way or in two', () => {
    expect(optionIn(['{ maxFileSize: 32 * 1_024 }'], 'maxFileSize')).toBe(32_768);
    expect(() => optionIn([], 'maxFileSize')).toThrow(/state maxFileSize once/);
    expect(() => optionIn(['maxFileSize: 1', 'maxFileSize: 2'], 'maxFileSize')).toThrow(/once/);
  });
});

describe('a run of puts without an end in sight', () => {
  const turn: SustainedTurn = {
    ...{ operations: 15_000, seconds: 155, silenceMs: 20 },
    latency: { p50Ms: 1, p99Ms: 5, maxMs: 480 },
    windows: [6000, 5400, 3600],
    anonymousBytes: [100, 200, 300, 300, 310, 310, 360, 360].map((size) => size * 1_000_000),
  };

  it('counts puts a second in each minute, and the rest of one if it says something', () => {
    expect(windowRates(turn, 60)).toEqual([100, 90, 3600 / 35]);
    expect(windowRates({ ...turn, seconds: 140 }, 60)).toEqual([100, 90]);
  });

  it('holds the worst minute, the longest put, the memory and its growth against their goals', () => {
    const lines = sustainedLines(turn, 60);
    expect(lines.map((line) => line.result?.median)).toEqual([0.9, 480, 360, 360 / 310]);
    expect(lines.map(verdictOf)).toEqual(['met', 'met', 'met', 'MISSED']);
  });
});
