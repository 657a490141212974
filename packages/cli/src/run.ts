// One run of the command: parse, find the verb, execute, and turn whatever happened into output
// and an exit status. Knows nothing of `process`, so that tests run it in theirs.
import { version } from '@pamina/engine';
import { nodeEnv } from '@pamina/env';
import { toPaminaError } from '@pamina/format';
import { commands } from './commands.js';
import { Context, placesOf } from './context.js';
import { wantsJson } from './global-options.js';
import { Interrupted, type Io, type Parts } from './io.js';
import { brokenPipeStatus, Output } from './output.js';
import { parseCommandLine, type ParsedCommand } from './parse.js';
import { failureJson, failureText } from './print/failure.js';
import { findTarget } from './target.js';

const columnsDefault = 80;

/** Resolves to the exit status, never rejects: errors are printed on `io.stderr`. */
export async function run(argv: readonly string[], io: Io, parts: Parts = {}): Promise<number> {
  const output = new Output(io, wantsJson(argv));
  try {
    const status = await attempt(argv, io, output, parts);
    await output.flush();
    return output.broken.aborted ? brokenStatus(output) : status;
  } catch (error) {
    return failureStatus(error, io, output);
  } finally {
    output.close();
  }
}

async function attempt(
  argv: readonly string[],
  io: Io,
  output: Output,
  parts: Parts,
): Promise<number> {
  const columns = io.stdout.columns ?? columnsDefault;
  const parsed = await parseCommandLine(argv, { commands, version, columns });
  if ('text' in parsed) {
    await output.line(parsed.text.trimEnd());
    return 0;
  }
  return execute(parsed, io, output, parts);
}

async function execute(
  { command, given }: ParsedCommand,
  io: Io,
  output: Output,
  parts: Parts,
): Promise<number> {
  const text = (name: string): string | undefined => {
    const value = given[name];
    return typeof value === 'string' ? value : undefined;
  };
  const places = placesOf(
    {
      data: text('data'),
      directory: text('directory'),
      tokenFile: text('token-file'),
      tlsCa: text('tls-ca'),
      tlsCert: text('tls-cert'),
      tlsKey: text('tls-key'),
    },
    io,
  );
  const context = new Context(
    io,
    parts.env ?? nodeEnv(),
    output,
    places,
    parts.findTarget ?? findTarget,
  );
  try {
    return (await command.execute(context, given)) ?? 0;
  } finally {
    await context.close();
  }
}

function failureStatus(error: unknown, io: Io, output: Output): number {
  if (output.broken.aborted) return brokenStatus(output);
  if (io.signal?.aborted === true && isInterruption(error, io.signal)) {
    return io.signal.reason instanceof Interrupted ? io.signal.reason.exitStatus : 130;
  }
  output.errorLine(output.json ? failureJson(error) : failureText(error));
  return toPaminaError(error).exitStatus;
}

/** Nobody reads stdout any more: quiet. Anything else that stdout did is an error. */
function brokenStatus(output: Output): number {
  if (output.failure === null) return brokenPipeStatus;
  output.errorLine(output.json ? failureJson(output.failure) : failureText(output.failure));
  return toPaminaError(output.failure).exitStatus;
}

function isInterruption(error: unknown, signal: AbortSignal): boolean {
  if (error === signal.reason) return true;
  return error instanceof Error && error.name === 'AbortError';
}
