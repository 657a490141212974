// Folders and archives for the tests of this package, removed when the file's tests have ended.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeEnv } from '@pamina/env';
import { afterAll } from 'vitest';
import { parseArchiveAddress, type S3Address } from '../src/address.js';
import type { S3Credentials } from '../src/credentials.js';
import { S3Archive } from '../src/s3/s3-archive.js';

export const env = nodeEnv();
const quickRetry = { attemptsMax: 5, delayMsMin: 1, delayMsMax: 8 };

const folders: string[] = [];
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'pamina-archive-'));
  folders.push(folder);
  return folder;
}

export function s3Archive(address: string, keys: Omit<S3Credentials, 'sessionToken'>): S3Archive {
  return new S3Archive({
    env,
    address: parseArchiveAddress(address) as S3Address,
    credentials: { ...keys, sessionToken: undefined },
    retry: quickRetry,
  });
}
