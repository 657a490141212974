// Finds who administers a name: the server that hosts the data folder, else the data folder
// itself (offline), else the server that the directory names.
import { join } from 'node:path';
import { RemoteAdministration } from '@pamina/client';
import { FileDirectory } from '@pamina/directory';
import type { Env } from '@pamina/env';
import { isPaminaError, PaminaError, validateName } from '@pamina/format';
import { Host } from '@pamina/server';
import type { Administration } from '@pamina/wire';
import type { Places } from './context.js';

export interface TargetOptions {
  readonly env: Env;
  readonly places: Places;
  readonly token: string | null;
}

/** null: the data folder as such, for names that need not exist. DATABASE_NOT_FOUND. */
export type TargetFinder = (name: string | null, options: TargetOptions) => Promise<Administration>;

const serverFileBytesMax = 64 * 1024;
/** The server is on this machine: it answers at once, or it is gone. */
const answerMs = 5000;

export const findTarget: TargetFinder = async (name, options) => {
  if (name === null) return administrationHere(options);
  validateName(name);
  if (await isHere(name, options)) return administrationHere(options);
  const address = await addressOf(name, options);
  if (address !== null) return remote(address, options);
  const { dataFolder, directoryFile } = options.places;
  throw new PaminaError(
    'DATABASE_NOT_FOUND',
    `There is no database ${name} in ${dataFolder}, nor in the directory ${directoryFile}`,
    { context: { name } },
  );
};

async function isHere(name: string, { env, places }: TargetOptions): Promise<boolean> {
  const status = await env.disk.stat(join(places.dataFolder, name));
  return status?.isFolder === true;
}

async function administrationHere(options: TargetOptions): Promise<Administration> {
  const { env, places } = options;
  const server = await runningServer(options);
  if (server !== null) return server;
  return Host.open({
    env,
    dataFolder: places.dataFolder,
    directoryFile: places.directoryFile,
    token: options.token ?? undefined,
  });
}

/** The server that `server.json` of the data folder names, if it is the one that answers there. */
async function runningServer(options: TargetOptions): Promise<RemoteAdministration | null> {
  const noted = await readServerFile(options);
  if (noted === null) return null;
  const server = remote(noted.address, options, answerMs);
  try {
    const answer = await server.server();
    if (answer.startedAt === noted.startedAt) return remote(noted.address, options);
  } catch (error) {
    // Left behind by a server that was killed; another program may have the port by now.
    if (!isPaminaError(error) || !goneCodes.has(error.code)) throw error;
  } finally {
    await server.close();
  }
  return null;
}

const goneCodes: ReadonlySet<string> = new Set([
  'CONNECT_FAILED',
  'MESSAGE_INVALID',
  'CHANNEL_CLOSED',
  'TIMEOUT',
]);

async function readServerFile({
  env,
  places,
}: TargetOptions): Promise<{ address: string; startedAt: number } | null> {
  const path = join(places.dataFolder, 'server.json');
  const status = await env.disk.stat(path);
  if (status === null || status.bytes > serverFileBytesMax) return null;
  const bytes = await env.disk.readFileIfPresent(path);
  if (bytes === null) return null;
  const value = parseJson(bytes);
  if (typeof value !== 'object' || value === null) return null;
  const { address, startedAt } = value as Record<string, unknown>;
  return typeof address === 'string' && typeof startedAt === 'number'
    ? { address, startedAt }
    : null;
}

/** undefined for what is not JSON: it was not written by a server, so there is none. */
function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

async function addressOf(name: string, { env, places }: TargetOptions): Promise<string | null> {
  const directory = new FileDirectory({ env, path: places.directoryFile });
  try {
    return (await directory.resolve(name))?.address ?? null;
  } finally {
    await directory.close();
  }
}

function remote(address: string, options: TargetOptions, timeoutMs?: number): RemoteAdministration {
  return new RemoteAdministration({
    env: options.env,
    address,
    token: options.token ?? undefined,
    timeoutMs,
  });
}
