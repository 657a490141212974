// Runs the built `pamina` command as users run it: a process, its output, its exit status.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { commandFile, requireBuild } from '../lib/built-package.js';
import type { Scene } from './scene.js';

export interface CommandOptions {
  /** Data folder below the scene's folder. */
  readonly data?: string;
  readonly deadlineMs?: number;
}

export interface CommandResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const deadlineMsDefault = 60_000;

/** What every run has: the scene's directory file, so that all servers of a scene know each other. */
export function commandEnvironment(
  scene: Scene,
  { data = 'pamina-data' }: CommandOptions = {},
): Record<string, string> {
  return {
    PAMINA_DATA: scene.path(data),
    PAMINA_DIRECTORY: scene.path('directory.json'),
    NO_COLOR: '1',
  };
}

/** `pamina ARGS…` to its end, whatever that is. */
export async function pamina(
  scene: Scene,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  requireBuild();
  const ran = scene.start(`pamina ${args.join(' ')}`, [commandFile, ...args], {
    env: commandEnvironment(scene, options),
  });
  const { status } = await ran.ended(options.deadlineMs ?? deadlineMsDefault);
  return { status, stdout: ran.stdout, stderr: ran.stderr };
}

/** As `pamina`, with --json: the result, or an error that carries code and message. */
export async function paminaJson<T = Record<string, unknown>>(
  scene: Scene,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<T> {
  const { status, stdout, stderr } = await pamina(scene, [...args, '--json'], options);
  if (status === 0) return JSON.parse(stdout) as T;
  throw new Error(`pamina ${args.join(' ')} ended with ${status}: ${stderr}`);
}

/** Name of a file of the scene that holds a token only its owner can read. */
export async function tokenFile(scene: Scene, token: string): Promise<string> {
  const path = join(scene.folder, 'token');
  await writeFile(path, `${token}\n`, { mode: 0o600 });
  return path;
}
