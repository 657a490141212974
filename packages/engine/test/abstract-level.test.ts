// The suite that abstract-level publishes for its implementations, whole, over Pamina.
import { createRequire } from 'node:module';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test as vitestTest } from 'vitest';
import { Pamina } from '../src/pamina.js';
import type { PaminaOptions } from '../src/pamina-options.js';
import { placeForManyDatabases } from './many-databases.js';
import { assertionsSoFar, test } from './tape.js';

const suite = createRequire(import.meta.url)('abstract-level/test') as (options: {
  test: typeof test;
  factory: (options?: PaminaOptions<string, string>) => Pamina;
}) => void;

const folder = mkdtempSync(join(placeForManyDatabases(), 'pamina-abstract-level-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let count = 0;
suite({
  test,
  factory: (options) => new Pamina(join(folder, String(count++)), options),
});

vitestTest('the suite asserts as much over Pamina as over Level, counted with tape', () => {
  expect(assertionsSoFar()).toBeGreaterThanOrEqual(5168);
});
