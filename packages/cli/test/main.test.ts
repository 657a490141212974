// The command as a process of its own: streams, exit status, signals.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';

const root = new URL('../../..', import.meta.url);
const main = new URL('../src/main.ts', import.meta.url).href;
let cwd: string;
let child: ChildProcess | null = null;

beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'pamina-main-'));
});

afterEach(async () => {
  child?.kill('SIGKILL');
  child = null;
  await rm(cwd, { recursive: true });
});

interface Started {
  readonly out: () => string;
  readonly err: () => string;
  readonly ended: Promise<number | null>;
  readonly process: ChildProcess;
}

function start(...argv: string[]): Started {
  const code = `import(${JSON.stringify(main)}).then((module) => module.main())`;
  const options = ['--conditions=pamina-source', '--import', import.meta.resolve('tsx', root)];
  // The working folder is that of the data; tsx and sources are found by their full addresses.
  const started = spawn(process.execPath, [...options, '--eval', code, '--', 'pamina', ...argv], {
    cwd,
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  child = started;
  let out = '';
  let err = '';
  started.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  started.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const ended = new Promise<number | null>((resolve) => started.on('close', resolve));
  return { out: () => out, err: () => err, ended, process: started };
}

it('P9 prints errors on stderr and ends with their status', async () => {
  const { ended, err, out } = start('lits');
  expect(await ended).toBe(2);
  expect(out()).toBe('');
  expect(err()).toMatch(/^USAGE: There is no verb "lits", did you mean list\?/);
});

it.each(['SIGTERM', 'SIGINT'] as const)(
  'a served folder is let go of in order on %s',
  async (signal) => {
    const served = start('serve', '--listen', '127.0.0.1:0');
    await expect
      .poll(() => served.out() + served.err(), { timeout: 30_000 })
      .toMatch(/^listening on http:\/\/127\.0\.0\.1:\d+\n$/);
    served.process.kill(signal);
    expect(await served.ended).toBe(0);
    await expect(stat(join(cwd, 'pamina-data', 'server.json'))).rejects.toMatchObject({
      code: 'ENOENT',
    });
  },
);

it('ends quietly when the reader of its output goes away', async () => {
  const { ended, err, process: started } = start('--help');
  started.stdout?.destroy();
  expect(await ended).toBe(141);
  expect(err()).toBe('');
});
