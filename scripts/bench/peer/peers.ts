// Which of the peers are installed here, and where.
import { execa } from 'execa';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Peers {
  /** Folder of the programs of PostgreSQL; null when it is not installed. */
  readonly postgres: string | null;
  readonly hasRedis: boolean;
  readonly versions: Readonly<Record<string, string>>;
  /** Those that are missing, by name. */
  readonly missing: readonly string[];
}

export const howToInstall = 'scripts/bench/install-peers.sh installs them';
const root = fileURLToPath(new URL('../../..', import.meta.url));
const debianFolder = '/usr/lib/postgresql';

export async function findPeers(): Promise<Peers> {
  const postgres = postgresFolder();
  const postgresVersion =
    postgres === null ? null : await versionOf(join(postgres, 'postgres'), ['--version']);
  const redisVersion = await versionOf('redis-server', ['--version']);
  const hasRedis = redisVersion !== null && (await versionOf('redis-benchmark', [])) !== null;
  const level = versionOfPackage('classic-level');
  return {
    postgres: postgresVersion === null ? null : postgres,
    hasRedis,
    versions: {
      'classic-level': level,
      ...(postgresVersion === null ? {} : { PostgreSQL: postgresVersion }),
      ...(hasRedis ? { Redis: redisVersion } : {}),
    },
    missing: [...(postgresVersion === null ? ['PostgreSQL'] : []), ...(hasRedis ? [] : ['Redis'])],
  };
}

/** The newest that Debian has put here. */
function postgresFolder(): string | null {
  if (!existsSync(debianFolder)) return null;
  const folders = readdirSync(debianFolder)
    .toSorted((left, right) => Number(right) - Number(left))
    .map((version) => join(debianFolder, version, 'bin'))
    .filter((folder) => existsSync(join(folder, 'pgbench')));
  return folders[0] ?? null;
}

/** Null when the command is not there. */
async function versionOf(command: string, args: readonly string[]): Promise<string | null> {
  // Without arguments redis-benchmark would begin to work.
  const asked = args.length === 0 ? ['--version'] : args;
  const { stdout, code } = await execa(command, asked, { reject: false });
  if (code === 'ENOENT') return null;
  return /\d+\.\d+(?:\.\d+)?/.exec(stdout)?.[0] ?? 'of an unknown version';
}

function versionOfPackage(name: string): string {
  const text = readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
