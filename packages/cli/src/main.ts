// The process around a run: its streams, environment and signals.
import { Interrupted } from './io.js';
import { run } from './run.js';

/**
 * The `pamina` command. Sets the exit status and ends the process. The first SIGINT, SIGTERM or
 * SIGHUP ends the run in order, a second one at once, or as the verb that is run says.
 */
export async function main(): Promise<void> {
  const ending = new AbortController();
  let further: ((end: () => void) => void) | null = null;
  const onSignal = (name: NodeJS.Signals): void => {
    const reason = new Interrupted(name as 'SIGINT' | 'SIGTERM' | 'SIGHUP');
    const end = (): void => process.exit(reason.exitStatus);
    if (!ending.signal.aborted) ending.abort(reason);
    else if (further === null) end();
    else further(end);
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, onSignal);
  const status = await run(process.argv.slice(2), {
    stdout: process.stdout,
    stderr: process.stderr,
    stdin: process.stdin,
    env: process.env,
    cwd: process.cwd(),
    signal: ending.signal,
    onFurtherSignal: (listener) => {
      further = listener;
      return () => {
        further = null;
      };
    },
  });
  // A connection kept alive must not keep a command from ending whose work is done.
  process.exit(status);
}
