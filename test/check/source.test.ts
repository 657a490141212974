// The checks that read the sources: faces, length, swallowed, seams, words.
import { describe, expect, it } from 'vitest';
import { faces } from '../../scripts/check/faces.js';
import {
  functionLinesMax,
  length,
  sourceLinesMax,
  testLinesMax,
} from '../../scripts/check/length.js';
import { seams } from '../../scripts/check/seams.js';
import { swallowed } from '../../scripts/check/swallowed.js';
import { words } from '../../scripts/check/words.js';
import { findingsOf, places } from './planted.js';

const path = 'packages/log/src/bad.ts';
const lines = (count: number): string => '// A line.\n'.repeat(count);

it.each([length, swallowed, seams, words])(
  '$name finds nothing in a sound repository',
  async (check) => {
    expect(await findingsOf(check)).toEqual([]);
  },
);

describe('the faces check', () => {
  const face = 'packages/log/src/index.ts';
  const user = 'packages/pamina/src/user.ts';
  const text =
    "// Face.\nexport { log,\n  other } from './log.js';\nexport type { T } from './log.js';\n";

  it('finds what nobody outside of the package uses, and asks nothing of types', async () => {
    const inside = { 'packages/log/test/a.test.ts': "import { log, other } from '@pamina/log';" };
    const planted = { [face]: text, ...inside };
    expect(
      places(await findingsOf(faces, planted)).filter((place) => place.includes(face)),
    ).toEqual([`${face}:2`, `${face}:3`]);
  });

  it.each([
    "import { log, other as o } from '@pamina/log';",
    "import * as all from '@pamina/log';",
    "export { log, other } from '@pamina/log';",
  ])('takes %j for a use', async (use) => {
    const findings = await findingsOf(faces, { [face]: text, [user]: use });
    expect(places(findings).filter((place) => place.includes(face))).toEqual([]);
  });
});

describe('the length check', () => {
  it('finds a source file and a test file that are one line too long', async () => {
    const test = 'packages/log/test/bad.test.ts';
    const at = { [path]: lines(sourceLinesMax), [test]: lines(testLinesMax) };
    expect(await findingsOf(length, at)).toEqual([]);
    const over = { [path]: lines(sourceLinesMax + 1), [test]: lines(testLinesMax + 1) };
    expect(places(await findingsOf(length, over))).toEqual([path, test]);
  });

  it.each([
    ['function long() {\n', '}\n'],
    ['export const long = () => {\n', '};\n'],
    ['class Long {\n  method() {\n', '  }\n}\n'],
    ['class Long {\n  get value() {\n', '  return 1; }\n}\n'],
  ])('finds a function that is one line too long: %j', async (head, tail) => {
    const at = head + lines(functionLinesMax - 2) + tail;
    const over = head + lines(functionLinesMax - 1) + tail;
    expect(await findingsOf(length, { [path]: at })).toEqual([]);
    expect(places(await findingsOf(length, { [path]: over }))).toHaveLength(1);
  });
});

describe('the swallowed check', () => {
  it.each([
    'try { f(); } catch {}',
    'try { f(); } catch { /* said, but every error is dropped */ }',
    'try { f(); } catch (error) {}',
    'p.catch(() => {});',
    'p.catch(() => undefined);',
    'p.catch(function () {});',
    'p.then(f, () => null);',
  ])('finds %j', async (text) => {
    expect(places(await findingsOf(swallowed, { [path]: text }))).toEqual([`${path}:1`]);
  });

  it.each([
    'try { f(); } catch (error) { if (!isGone(error)) throw error; }',
    'p.catch((error) => report(error));',
    '// Whoever awaits it sees it.\np.catch(() => undefined);',
    'p.catch(() => { /* Whoever awaits it sees it. */ });',
  ])('passes %j', async (text) => {
    expect(await findingsOf(swallowed, { [path]: text })).toEqual([]);
  });
});

describe('the seams check', () => {
  it.each([
    'export const at = new Date();',
    'export const at = Date();',
    "export const p = import('node:fs');",
    "export type S = import('node:net').Socket;",
    "import type { Socket } from 'node:net';",
    "export { readFile } from 'fs/promises';",
    "export const p = import('ws');",
  ])('finds %j above env', async (text) => {
    expect(places(await findingsOf(seams, { [path]: text }))).toEqual([`${path}:1`]);
    expect(await findingsOf(seams, { 'packages/env/src/fine.ts': text })).toEqual([]);
  });

  it('finds any Node module in a package that runs in a browser, but the fast checksum', async () => {
    const text = "export { crc32 } from 'node:zlib';";
    const bad = 'packages/wire/src/bad.ts';
    expect(places(await findingsOf(seams, { [bad]: text }))).toEqual([`${bad}:1`]);
    expect(await findingsOf(seams, { 'packages/format/src/crc32-node.ts': text })).toEqual([]);
  });
});

describe('the words check', () => {
  /** The words are divided by a bar here, so that the check does not find its own test. */
  const whole = (text: string): string => text.replaceAll('|', '');

  it.each([
    '// TO|DO: later',
    '// FIX|ME',
    "it.|skip('x', f);",
    "describe.|only('x', f);",
    "test.concurrent.|only('x', f);",
    "it.|todo('x');",
    "x|it('x', f);",
    '// @ts-|ignore',
    '// oxlint-|disable-next-line no-console',
    "throw new Error('not |implemented');",
  ])('finds %j', async (text) => {
    expect(places(await findingsOf(words, { [path]: whole(text) }))).toEqual([`${path}:1`]);
  });

  it('finds unfinished work in documents', async () => {
    const found = await findingsOf(words, { 'README.md': whole('# x\n\nTO|DO\n') });
    expect(places(found)).toEqual(['README.md:3']);
  });

  it.each([
    "it.skipIf(process.getuid?.() !== 0)('needs root', f);",
    '// oxlint-|disable-next-line no-console -- the command prints',
  ])('passes %j', async (text) => {
    expect(await findingsOf(words, { [path]: whole(text) })).toEqual([]);
  });
});
