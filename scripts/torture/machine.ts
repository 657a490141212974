// What the machine must have for the tortures that need more than Node: a C compiler, the right to mount,
// programs that make file systems. Whatever is lacking is said by name.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export type FileSystem = 'ext4' | 'xfs' | 'tmpfs';

/** Why a file system cannot be mounted here; null if all that is needed is there. */
export function lackingFor(fileSystem: FileSystem): string | null {
  if (process.platform !== 'linux') return `${fileSystem} images are mounted on Linux only`;
  if (process.getuid?.() !== 0) return 'only root may mount';
  if (fileSystem === 'tmpfs') return null;
  if (!isFound(`mkfs.${fileSystem}`)) {
    const name = fileSystem === 'xfs' ? 'xfsprogs' : 'e2fsprogs';
    return `mkfs.${fileSystem} is missing (Debian: ${name})`;
  }
  const failure = tryToRun('losetup', ['--find']);
  return failure === null ? null : `no loop device: ${failure}`;
}

export function lackingCompiler(): string | null {
  return isFound('cc') ? null : 'cc is missing (Debian: gcc and libc6-dev)';
}

/** Also for faults in single calls. */
export function lackingForShim(): string | null {
  if (process.platform !== 'linux') return 'calls are intercepted on Linux only';
  return lackingCompiler();
}

/** Compiles a source of this folder. Throws with what the compiler said. */
export function compile(source: string, target: string, ...options: string[]): void {
  const path = fileURLToPath(new URL(source, import.meta.url));
  run('cc', ['-O2', '-Wall', '-Wextra', '-o', target, ...options, path]);
}

/** Throws with what the command said, unless it ended well. */
export function run(command: string, args: readonly string[]): void {
  const failure = tryToRun(command, args);
  if (failure !== null) throw new Error(`${command} ${args.join(' ')} failed: ${failure}`);
}

/** Null if it ended well, else what it said. */
export function tryToRun(command: string, args: readonly string[]): string | null {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status === 0) return null;
  return error === undefined ? stderr.trim() : error.message;
}

/** Also where the commands of administrators are, whatever the caller's PATH. */
export function isFound(command: string): boolean {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders.some((folder) => folder !== '' && existsSync(join(folder, command)));
}
