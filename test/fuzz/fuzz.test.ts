// A short run of the fuzzer over every decoder, and every input that ever broke one, for ever.
import { describe, expect, test } from 'vitest';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { findingsFolder } from '../../scripts/fuzz/findings.js';
import { execute, fuzz } from '../../scripts/fuzz/fuzzer.js';
import { Broken, type Target } from '../../scripts/fuzz/target.js';
import { targets } from '../../scripts/fuzz/targets/index.js';

const executions = 12_000;
const seed = 20_260_729;

/** In milliseconds; a run takes a few seconds where nothing else does. */
const timeout = 240_000;

describe.each(targets)('$name', { timeout }, (target) => {
  test('P13 P14 no input makes it throw what it may not, take long or take much memory', async () => {
    const report = await fuzz(target, { executions, seed });
    expect(report.finding).toBeNull();
    expect(report.accepted).toBeGreaterThan(0);
    expect(report.outcomes.size).toBeGreaterThan(1);
  });

  test('P14 P15 what it is given to begin with is taken, or refused with a code of its own', async () => {
    for (const input of target.seeds) {
      const { word } = await execute(target, input.slice());
      expect(word).not.toBe('');
    }
  });
});

test('P14 inputs that once broke a decoder break none', async () => {
  const names = existsSync(findingsFolder) ? readdirSync(findingsFolder) : [];
  for (const name of names) {
    const target = targets.find((one) => one.name === name);
    expect(target, `test/fuzz/findings/${name} is of no target`).toBeDefined();
    for (const file of readdirSync(join(findingsFolder, name))) {
      const input = new Uint8Array(readFileSync(join(findingsFolder, name, file)));
      await expect(execute(target!, input), `${name}/${file}`).resolves.toBeDefined();
    }
  }
  expect(names.length).toBeGreaterThan(0);
});

describe('the fuzzer itself', () => {
  const planted = (run: Target['run']): Target => ({
    name: 'planted',
    about: 'a decoder with a bug',
    seeds: [Uint8Array.of(1, 2, 3, 4)],
    codes: ['BODY_INVALID'],
    run,
  });

  test('finds an error that is not of the table, and gives the shortest input', async () => {
    const target = planted((bytes) => {
      if (bytes.includes(0xff)) throw new RangeError('Invalid array length');
      return String(bytes.length);
    });
    const { finding } = await fuzz(target, { executions: 10_000, seed: 1 });
    expect(finding?.input).toEqual(Uint8Array.of(0xff));
    expect(finding?.problem).toMatch(/RangeError: Invalid array length/);
    await expect(execute(target, finding!.input)).rejects.toBeInstanceOf(Broken);
  });

  test('finds a decoder that allocates what a length claims', async () => {
    const target = planted((bytes) => {
      const claimed = bytes.length >= 4 ? Buffer.from(bytes).readUInt32LE(0) : 0;
      return String(new Uint8Array(Math.min(claimed, 2 ** 26)).length > 2 ** 20);
    });
    const { finding } = await fuzz(target, { executions: 10_000, seed: 1 });
    expect(finding?.problem).toMatch(/made it allocate/);
  });

  test('finds a decoder that writes into what it reads', async () => {
    const target = planted((bytes) => {
      bytes[0] = 0;
      return 'written';
    });
    const { finding } = await fuzz(target, { executions: 10_000, seed: 1 });
    expect(finding?.problem).toMatch(/changed its input/);
  });

  test('comes to the same with the same seed', async () => {
    const target = targets.find(({ name }) => name === 'manifest')!;
    const [one, other] = [
      await fuzz(target, { executions: 2000, seed: 5 }),
      await fuzz(target, { executions: 2000, seed: 5 }),
    ];
    expect(one.outcomes).toEqual(other.outcomes);
  });
});
