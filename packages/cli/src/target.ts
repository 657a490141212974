// Finds who administers a name: the server that hosts the data folder, else the data folder
// itself (offline), else the server that the directory names.
import { join } from 'node:path';
import { RemoteAdministration } from '@pamina/client';
import { openDirectory } from '@pamina/directory';
import { type ClientTls, type Env, type Network, securedNetwork } from '@pamina/env';
import { isPaminaError, PaminaError, validateName } from '@pamina/format';
import { Host, keptBackupsOf } from '@pamina/server';
import type { Administration } from '@pamina/wire';
import type { Places } from './context.js';

export interface TargetOptions {
  readonly env: Env;
  readonly places: Places;
  readonly token: string | null;
  /** For servers that are called over https. */
  readonly tls?: ClientTls | null | undefined;
}

/** null: the data folder as such, for names that need not exist. DATABASE_NOT_FOUND. */
export type TargetFinder = (name: string | null, options: TargetOptions) => Promise<Administration>;

const serverFileBytesMax = 64 * 1024;
/** The server is on this machine: it answers at once, or it is gone. */
const answerMs = 5000;

export const findTarget: TargetFinder = async (name, options) => {
  if (name === null) return administrationHere(options);
  const folder = join(options.places.dataFolder, validateName(name));
  const { disk } = options.env;
  if ((await disk.stat(join(folder, 'control.json'))) !== null) return administrationHere(options);
  // A restore that was cut short in the middle of its swap: the host finishes it.
  const beside = join(options.places.dataFolder, `.restored-${name}`);
  if ((await disk.stat(beside)) !== null) return administrationHere(options);
  const address = await addressOf(name, options);
  if (address !== null) return remote(address, options);
  // A folder that holds no database, for example a plain LevelDB: the host says what it is.
  if ((await disk.stat(folder))?.isFolder === true) return administrationHere(options);
  const { dataFolder, directory } = options.places;
  // Of a deleted database its backups may be left.
  const kept = await keptBackupsOf(options.env, dataFolder, name);
  if (kept.length > 0) return administrationHere(options);
  throw new PaminaError(
    'DATABASE_NOT_FOUND',
    `There is no database ${name} in ${dataFolder}, nor in the directory ${directory}`,
    { context: { name } },
  );
};

async function administrationHere(options: TargetOptions): Promise<Administration> {
  const { env, places } = options;
  const server = await runningServer(options);
  if (server !== null) return server;
  return Host.open({
    env,
    dataFolder: places.dataFolder,
    directory: places.directory,
    token: options.token ?? undefined,
    peerNetwork: networkOf(options),
    directoryNetwork: networkOf(options),
  });
}

function networkOf({ env, tls = null }: TargetOptions): Network {
  return securedNetwork(env.network, { tls: () => tls });
}

/** The server that `server.json` of the data folder names, if it is the one that answers there. */
async function runningServer(options: TargetOptions): Promise<Administration | null> {
  const noted = await readServerFile(options);
  if (noted === null) return null;
  // Asked without the token: a stranger may have the port by now.
  const { address, serverName } = noted;
  const tls = serverName === undefined ? options.tls : { ...options.tls, serverName };
  const there = { ...options, tls };
  const probe = remote(address, { ...there, token: null }, answerMs);
  try {
    const { startedAt } = await probe.server();
    return startedAt === noted.startedAt ? remote(address, there) : null;
  } catch (error) {
    if (!isPaminaError(error) || isUntrusted(error)) throw error;
    // No answer, or one of another program: the file was left behind by a server that was killed.
    // Should that server live after all, its databases are locked, and the next step says so.
    return null;
  } finally {
    await probe.close();
  }
}

/** There is a server, and it or this command wants another certificate: that is to be said. */
function isUntrusted(error: PaminaError): boolean {
  return error.code === 'TLS_FAILED' || error.context['isCut'] === true;
}

interface NotedServer {
  readonly address: string;
  readonly startedAt: number;
  readonly serverName: string | undefined;
}

async function readServerFile({ env, places }: TargetOptions): Promise<NotedServer | null> {
  const path = join(places.dataFolder, 'server.json');
  const status = await env.disk.stat(path);
  if (status === null || status.bytes > serverFileBytesMax) return null;
  const bytes = await env.disk.readFileIfPresent(path);
  if (bytes === null) return null;
  const value = parseJson(bytes);
  if (typeof value !== 'object' || value === null) return null;
  const { address, serverName, startedAt } = value as Record<string, unknown>;
  if (typeof address !== 'string' || typeof startedAt !== 'number') return null;
  return {
    address,
    startedAt,
    serverName: typeof serverName === 'string' ? serverName : undefined,
  };
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

async function addressOf(name: string, options: TargetOptions): Promise<string | null> {
  const env = { ...options.env, network: networkOf(options) };
  const directory = openDirectory({ env, place: options.places.directory });
  try {
    return (await directory.resolve(name))?.address ?? null;
  } finally {
    await directory.close();
  }
}

function remote(address: string, options: TargetOptions, timeoutMs?: number): RemoteAdministration {
  const env = { ...options.env, network: networkOf(options) };
  return new RemoteAdministration({ env, address, token: options.token ?? undefined, timeoutMs });
}
