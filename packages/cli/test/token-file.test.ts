import { nodeEnv } from '@pamina/env';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readTokenFile } from '../src/token-file.js';

let folder: string;
const token = 'abcdefghijklmnop';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pamina-token-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function tokenFile(text: string, mode = 0o600): Promise<string> {
  const path = join(folder, 'token');
  await writeFile(path, text);
  await chmod(path, mode);
  return path;
}

it('a token is read without the newline behind it', async () => {
  expect(await readTokenFile(nodeEnv(), await tokenFile(`${token}\n`))).toBe(token);
  expect(await readTokenFile(nodeEnv(), await tokenFile(token, 0o400))).toBe(token);
});

it.each([0o640, 0o604, 0o620, 0o666, 0o601])('P14 a file of mode %o is refused', async (mode) => {
  const path = await tokenFile(token, mode);
  await expect(readTokenFile(nodeEnv(), path)).rejects.toMatchObject({
    code: 'TOKEN_INVALID',
    message: expect.stringContaining(`mode 0${mode.toString(8)}`) as string,
    hint: expect.stringContaining(`chmod 600 ${path}`) as string,
  });
});

it.each([
  '',
  'short',
  `${token} x`,
  `${token}\n${token}`,
  `${token}é`,
  'x'.repeat(513),
  'x'.repeat(5000),
])('P14 %.20j is no token, and is not shown', async (text) => {
  const error = await readTokenFile(nodeEnv(), await tokenFile(text)).catch(
    (thrown: Error) => thrown,
  );
  expect(error).toMatchObject({ code: 'TOKEN_INVALID' });
  if (text !== '') expect((error as Error).message).not.toContain(text);
});

it('P9 a file that is not there, or a folder, is named', async () => {
  await expect(readTokenFile(nodeEnv(), join(folder, 'no'))).rejects.toMatchObject({
    code: 'FILE_NOT_FOUND',
  });
  await expect(readTokenFile(nodeEnv(), folder)).rejects.toMatchObject({ code: 'TOKEN_INVALID' });
});
