// Starts test/child in another process or another thread, from the sources.
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { cleanUp } from './workbench.js';

const conditions = '--conditions=pamina-source';

export interface Child {
  readonly process: ChildProcess;
  /** What it says, line by line; ends when it ends. */
  readonly lines: AsyncIterator<string>;
}

export function startChild(command: 'open' | 'write', folder: string): Child {
  const script = fileURLToPath(new URL('child/main.ts', import.meta.url));
  const execArgv = [conditions, '--import', 'tsx'];
  const child = spawn(process.execPath, [...execArgv, script, command, folder], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  cleanUp(async () => child.kill('SIGKILL'));
  return { process: child, lines: createInterface(child.stdout)[Symbol.asyncIterator]() };
}

export async function nextLine(child: Child): Promise<string> {
  const line = await child.lines.next();
  return line.done === true ? '' : line.value;
}

/** What a worker thread of this process says about opening a database. */
export function openInThread(folder: string): Promise<string> {
  const script = new URL('child/thread.ts', import.meta.url);
  // Node 20 gives a worker no loader by argument.
  const load = `import('tsx/esm/api').then((tsx) => { tsx.register(); return import('${script.href}'); })`;
  const worker = new Worker(load, { eval: true, workerData: folder, execArgv: [conditions] });
  return new Promise((resolve, reject) => {
    let said = '';
    worker.once('message', (message: string) => (said = message));
    worker.once('error', reject);
    worker.once('exit', () => resolve(said));
  });
}
