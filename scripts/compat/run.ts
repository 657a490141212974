// Installs the applications and runs the suite of one of them, in a process and a folder of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, statfsSync, statSync } from 'node:fs';
import { mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Application, Subject } from './applications.js';

const folder = fileURLToPath(new URL('../../test/compat', import.meta.url));

const deadlineMs = 5 * 60 * 1000;

export interface Result {
  readonly name: string;
  readonly version: string;
  readonly suite: string | null;
  readonly suiteVersion: string | null;
  readonly subject: Subject;
  readonly passed: number;
  readonly failed: readonly string[];
  /** Databases of Pamina that the run left behind: none would mean that it was not used. */
  readonly databases: number;
  readonly exitStatus: number | null;
  readonly seconds: number;
  /** What the suite printed, where something went wrong. */
  readonly output: string;
}

/** `npm ci`, unless it was done since the lock file changed. */
export async function install(): Promise<void> {
  const installed = modified(join(folder, 'node_modules/.package-lock.json'));
  if (installed > modified(join(folder, 'package-lock.json'))) return;
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'];
  const npm = spawn('npm', args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [npm.stdout, npm.stderr]) stream.on('data', (part) => (output += part));
  const [status] = (await once(npm, 'close')) as [number | null];
  if (status !== 0) throw new Error(`npm ci in ${folder} ended with ${status}:\n${output}`);
}

export async function run(application: Application, subject: Subject): Promise<Result> {
  const startedAt = performance.now();
  const reference = application.isCompared === true ? await runSuite(application, 'level') : null;
  const ended = await runSuite(application, subject);
  const { passed, failed } = counted(application, ended, reference);
  const { databases, status, stdout, stderr } = ended;
  const isHonest = subject === 'pamina' ? databases > 0 : databases === 0;
  const doubts = isHonest ? [] : [`it ran over something else: ${databases} databases of Pamina`];
  const wrong = [...failed, ...doubts];
  return {
    name: application.name,
    version: versionOf(application.name),
    suite: application.suite,
    suiteVersion: application.suite === null ? null : versionOf(application.suite),
    subject,
    passed,
    failed: wrong,
    databases,
    exitStatus: status,
    seconds: Math.round((performance.now() - startedAt) / 100) / 10,
    output: wrong.length === 0 ? '' : `${stdout}\n${stderr}`,
  };
}

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly databases: number;
}

async function runSuite(application: Application, subject: Subject): Promise<Ended> {
  const scratch = await mkdtemp(join(placeForManyDatabases(), 'pamina-compat-'));
  try {
    const child = spawn(process.execPath, application.args(folder), {
      cwd: scratch,
      env: { ...process.env, TMPDIR: scratch, PAMINA_COMPAT_SUBJECT: subject, NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: deadlineMs,
      killSignal: 'SIGKILL',
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (part: string) => (stdout += part));
    child.stderr.setEncoding('utf8').on('data', (part: string) => (stderr += part));
    const [status] = (await once(child, 'close')) as [number | null];
    return { status, stdout, stderr, databases: await countDatabases(scratch) };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** A run that ended badly or did nothing never counts as one without failures. */
function counted(
  application: Application,
  { status, stdout, stderr }: Ended,
  reference: Ended | null,
): { passed: number; failed: readonly string[] } {
  if (reference !== null && reference.status !== 0) {
    return { passed: 0, failed: [`over Level it ended with ${reference.status}`] };
  }
  try {
    const { passed, failed } = application.count(stdout, reference?.stdout ?? '');
    if (failed.length > 0 || (status === 0 && passed > 0)) return { passed, failed };
    return { passed, failed: [`the suite ended with ${status} after ${passed} tests`] };
  } catch (error) {
    return { passed: 0, failed: [`its output cannot be counted (${String(error)}): ${stderr}`] };
  }
}

async function countDatabases(scratch: string): Promise<number> {
  const files = await readdir(scratch, { recursive: true, withFileTypes: true });
  return files.filter(({ name }) => name === 'control.json').length;
}

function versionOf(name: string): string {
  const path = join(folder, 'node_modules', name, 'package.json');
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
}

function modified(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** The suites make a hundred databases and say nothing about durability: memory, where there is enough. */
function placeForManyDatabases(): string {
  const memory = '/dev/shm';
  if (statSync(memory, { throwIfNoEntry: false }) === undefined) return tmpdir();
  const { bavail, bsize } = statfsSync(memory);
  return bavail * bsize > 2 ** 30 ? memory : tmpdir();
}
