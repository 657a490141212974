// What is given to those who run servers: the unit of systemd and the image. No image is built here; what it copies,
// runs and starts is held against what there is.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { serve } from '../../packages/cli/src/command/serve.js';
import { globalOptions } from '../../packages/cli/src/global-options.js';
import { repository } from '../lib/built-package.js';

const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0;
const read = (path: string): Promise<string> => readFile(join(repository, path), 'utf8');
const optionsOfServe = Object.keys({ ...serve.options, ...globalOptions }).map(
  (name) => `--${name}`,
);

function expectKnown(words: readonly string[]): void {
  expect(words[0]).toBe('serve');
  const options = words.filter((word) => word.startsWith('--'));
  expect(options.length).toBeGreaterThan(0);
  expect(options.filter((option) => !optionsOfServe.includes(option))).toEqual([]);
}

describe('the unit of systemd', () => {
  it('starts the command with options that it has, and gives it the time that it takes to stop', async () => {
    const unit = await read('scripts/deploy/pamina.service');
    const words = /^ExecStart=pamina (.*)$/m.exec(unit)?.[1]?.split(' ') ?? [];
    expectKnown(words);
    const stopSeconds = Number(words[words.indexOf('--stop-timeout') + 1]);
    const killSeconds = Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)?.[1]);
    expect(killSeconds).toBeGreaterThan(stopSeconds + 20);
    expect(unit).toMatch(/^KillSignal=SIGTERM$/m);
    // The compiler of Node.js writes code and runs it.
    expect(unit).not.toMatch(/^MemoryDenyWriteExecute/m);
  });

  it.skipIf(!hasSystemd)('is one that systemd takes, and that exposes little', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pamina-unit-'));
    try {
      const path = join(folder, 'pamina.service');
      const unit = await read('scripts/deploy/pamina.service');
      // It is not installed here: systemd asks whether what it starts is there.
      await writeFile(path, unit.replace('ExecStart=pamina', `ExecStart=${process.execPath}`));
      const verified = spawnSync('systemd-analyze', ['verify', '--man=no', path], {
        encoding: 'utf8',
      });
      const said = verified.stderr.split('\n').filter((line) => line.includes('pamina.service'));
      expect(said).toEqual([]);
      expect(verified.status).toBe(0);
      const security = execFileSync(
        'systemd-analyze',
        ['security', '--offline=true', '--no-pager', path],
        { encoding: 'utf8' },
      );
      const exposure = Number(/Overall exposure level for \S+: ([0-9.]+)/.exec(security)?.[1]);
      expect(exposure).toBeLessThan(3);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe('the image', () => {
  it('copies only what is there and is not ignored', async () => {
    const dockerfile = await read('Dockerfile');
    const ignored = (await read('.dockerignore')).split('\n').filter((line) => line !== '');
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(
      ([, words = '']) => words.split(' '),
    );
    expect(copied).toContain('packages');
    for (const path of copied) {
      expect(existsSync(join(repository, path)), path).toBe(true);
      expect(ignored).not.toContain(path);
    }
    // Without what was built before, nothing says that it is up to date.
    expect(ignored).toEqual(expect.arrayContaining(['**/dist', '**/*.tsbuildinfo']));
    // What a stage copies from another one was made or copied there.
    const stages = [...dockerfile.matchAll(/^FROM \S+ AS (\w+)$/gm)].map(([, name]) => name);
    for (const [, from] of dockerfile.matchAll(/^COPY --from=(\w+) /gm)) {
      expect(stages).toContain(from);
    }
  });

  it('runs only scripts that there are, and is of a Node.js that is supported', async () => {
    const dockerfile = await read('Dockerfile');
    const { engines, scripts } = JSON.parse(await read('package.json')) as {
      engines: { node: string };
      scripts: Record<string, string>;
    };
    for (const [, name = ''] of dockerfile.matchAll(/npm run (\w+)/g)) {
      expect(Object.keys(scripts)).toContain(name);
    }
    for (const [, major] of dockerfile.matchAll(/^FROM node:(\d+)-/gm)) {
      expect(engines.node).toBe(`>=${major}.19`);
    }
  });

  it('P14 does not run as root, and starts a server with TLS that asks for a token', async () => {
    const dockerfile = await read('Dockerfile');
    const last = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '));
    expect(last).toMatch(/^USER node$/m);
    const command = /^CMD (\[.*\])$/m.exec(last)?.[1];
    const words = JSON.parse(command ?? '[]') as string[];
    expectKnown(words);
    for (const option of ['--token-file', '--tls-cert', '--tls-key'])
      expect(words).toContain(option);
    expect(words).not.toContain('--insecure');
  });

  it('is healthy as /health says', async () => {
    const dockerfile = await read('Dockerfile');
    const check = /HEALTHCHECK[^\n]*\\\n\s+CMD (\[.*\])$/m.exec(dockerfile)?.[1];
    const [node, flag, code = ''] = JSON.parse(check ?? '[]') as string[];
    expect([node, flag]).toEqual(['node', '-e']);
    // Nobody listens there.
    const nobody = code.replace('127.0.0.1:7474', '127.0.0.1:1');
    expect(spawnSync(process.execPath, ['-e', nobody]).status).toBe(1);
    const server = createServer((_request, response) =>
      response.writeHead(statuses.shift() ?? 500).end(),
    );
    const statuses = [200, 503];
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const somebody = code.replace('127.0.0.1:7474', `127.0.0.1:${port}`);
    const ended: unknown[] = [];
    for (let at = 0; at < 2; at++) {
      const child = spawn(process.execPath, ['-e', somebody]);
      ended.push(await new Promise((resolve) => child.once('exit', resolve)));
    }
    server.close();
    expect(ended).toEqual([0, 1]);
  });
});
