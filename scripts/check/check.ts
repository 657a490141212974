// What a check is: a name, what it holds, and a function that reports every breach under a root folder.
// The root is a parameter so that each check's own test can plant a breach in a copy.
import { spawn } from 'node:child_process';
import { join } from 'node:path';

export interface Finding {
  /** Relative to the root, with forward slashes. */
  readonly file: string;
  /** Counted from 1; absent when the finding is about the file as a whole. */
  readonly line?: number;
  /** What is wrong and what to do about it. */
  readonly message: string;
}

export interface Check {
  readonly name: string;
  /** One sentence that a newcomer understands; printed when the check fails. */
  readonly holds: string;
  run(root: string): Finding[] | Promise<Finding[]>;
}

export interface ToolResult {
  /** Null when the tool was killed by a signal. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs an installed tool (`node_modules/.bin`), `node` or `npm`; never through a shell. */
export async function runTool(root: string, tool: string, args: string[]): Promise<ToolResult> {
  const file = tool === 'node' || tool === 'npm' ? tool : join(root, 'node_modules/.bin', tool);
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' },
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', reject);
    child.on('close', (status) => {
      resolve({ status, stdout, stderr });
    });
  });
}

/** A tool that failed without naming a place must not pass as clean: its output becomes the finding. */
export function toolFailure(tool: string, result: ToolResult): Finding {
  const output = `${result.stdout}\n${result.stderr}`.trim();
  const tail = output.split('\n').slice(-20).join('\n');
  return {
    file: '.',
    message: `${tool} ended with status ${String(result.status)}: ${tail || 'no output'}`,
  };
}

export function printFinding(finding: Finding): string {
  const place = finding.line === undefined ? finding.file : `${finding.file}:${finding.line}`;
  return `  ${place}  ${finding.message}`;
}
