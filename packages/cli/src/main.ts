// The process around a run: its streams, environment and signals.
import { Interrupted } from './io.js';
import { run } from './run.js';

/**
 * The `pamina` command. Sets the exit status and ends the process. The first SIGINT, SIGTERM or
 * SIGHUP ends the run in order, a second one at once.
 */
export async function main(): Promise<void> {
  const ending = new AbortController();
  const onSignal = (name: NodeJS.Signals): void => {
    const reason = new Interrupted(name as 'SIGINT' | 'SIGTERM' | 'SIGHUP');
    if (ending.signal.aborted) process.exit(reason.exitStatus);
    ending.abort(reason);
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, onSignal);
  const status = await run(process.argv.slice(2), {
    stdout: process.stdout,
    stderr: process.stderr,
    stdin: process.stdin,
    env: process.env,
    cwd: process.cwd(),
    signal: ending.signal,
  });
  // A connection kept alive must not keep a command from ending whose work is done.
  process.exit(status);
}
