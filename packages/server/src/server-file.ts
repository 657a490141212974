// <data>/server.json: tells programs of this machine which server has the data folder. Removed at
// stop; one that a killed server left is told by asking GET /v1/server for its `startedAt`.

import type { Env } from '@pamina/env';
import { isPaminaError, PaminaError } from '@pamina/format';
import { join } from 'node:path';

export interface ServerFile {
  readonly address: string;
  readonly pid: number;
  readonly startedAt: number;
  /** Whose certificate is shown there, where that is not one of the host in `address`. */
  readonly serverName?: string | undefined;
}

export async function writeServerFile(
  env: Env,
  dataFolder: string,
  content: ServerFile,
): Promise<void> {
  const bytes = new TextEncoder().encode(`${JSON.stringify(content)}\n`);
  await env.disk.replaceFile(pathOf(dataFolder), bytes);
}

export async function removeServerFile(env: Env, dataFolder: string): Promise<void> {
  await env.disk.removeTree(pathOf(dataFolder));
}

/** One server at a time has a data folder: DATA_IN_USE. Returns the release. */
export async function lockData(env: Env, dataFolder: string): Promise<() => Promise<void>> {
  await env.disk.makeFolder(dataFolder);
  try {
    return await env.disk.lockFile(join(dataFolder, 'server.lock'), { waitMs: 0 });
  } catch (error) {
    if (!isPaminaError(error, 'TIMEOUT')) throw error;
    throw new PaminaError('DATA_IN_USE', `another server has the data folder ${dataFolder}`, {
      cause: error,
      context: { ...error.context, path: dataFolder },
    });
  }
}

function pathOf(dataFolder: string): string {
  return join(dataFolder, 'server.json');
}
