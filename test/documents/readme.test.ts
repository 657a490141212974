// Does what README.md tells its readers to do, with the built package.
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commandFile, packageFolder, repository, requireBuild } from '../lib/built-package.js';
import { hasOpenssl } from '../support/certificates.js';
import { codeBlocks, type CodeBlock } from './code-blocks.js';
import { shellScript } from './shell-tour.js';

const tourDeadlineMs = 600_000;

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => {
        server.listen(0, '127.0.0.1', resolve);
      });
      return server;
    }),
  );
  return Promise.all(
    servers.map(async (server) => {
      const address = server.address();
      await new Promise((resolve) => server.close(resolve));
      return typeof address === 'object' && address !== null ? address.port : 0;
    }),
  );
}

interface Walked {
  readonly home: string;
  readonly stdout: string;
  /** With stderr, for whoever looks for what went wrong. */
  readonly all: string;
}

describe('README.md', () => {
  let folder = '';
  let markdown = '';
  let blocks: CodeBlock[] = [];

  beforeAll(async () => {
    requireBuild();
    folder = await mkdtemp(join(tmpdir(), 'pamina-readme-'));
    await mkdir(join(folder, 'bin'));
    await symlink(commandFile, join(folder, 'bin/pamina'));
    await mkdir(join(folder, 'node_modules'));
    await symlink(packageFolder, join(folder, 'node_modules/pamina'));
    markdown = await readFile(join(repository, 'README.md'), 'utf8');
    blocks = codeBlocks(markdown);
  });

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it('names the demo and the tests on its first screen', () => {
    const firstScreen = markdown.split('\n').slice(0, 25).join('\n');
    expect(firstScreen).toContain('npm run demo');
    expect(firstScreen).toContain('npm test');
  });

  it('marks as not run only what npm does in a clone', () => {
    const marked = blocks.filter(({ notRun }) => notRun).flatMap(({ text }) => text.split('\n'));
    expect(marked.length).toBeGreaterThan(0);
    for (const line of marked)
      expect(line).toMatch(
        /^(npm (ci|test|run \w+|install (pamina|--global \.\/packages\/pamina))|bash \.ci\/run)\b/,
      );
    expect(
      blocks.map(({ language }) => language).every((name) => ['sh', 'js'].includes(name)),
    ).toBe(true);
  });

  it('gives examples of the library that run', async () => {
    const examples = blocks.filter(({ language }) => language === 'js');
    expect(examples.length).toBeGreaterThan(0);
    for (const { text, line } of examples) {
      const file = join(folder, `line-${line}.mjs`);
      await writeFile(file, text);
      const ran = await execa('node', [file], { cwd: folder, reject: false });
      expect({ line, exitCode: ran.exitCode, stderr: ran.stderr }).toEqual({
        line,
        exitCode: 0,
        stderr: '',
      });
      expect(ran.stdout).not.toBe('');
    }
  });

  /** The shell commands before the section on networks, or those in it, which want openssl. */
  function tour(part: 'first' | 'network'): CodeBlock[] {
    const lines = markdown.split('\n');
    const from = lines.indexOf('## On a network');
    expect(from).toBeGreaterThan(0);
    const end = lines.findIndex((line, at) => at > from && line.startsWith('## '));
    return blocks.filter(({ language, line, notRun }) => {
      const isThere = line > from && line < end;
      return language === 'sh' && !notRun && isThere === (part === 'network');
    });
  }

  async function walk(part: CodeBlock[], name: string): Promise<Walked> {
    const ports = await freePorts(16);
    const script = shellScript(
      part.map(({ text }) => text),
      () => ports.pop() ?? 0,
    );
    const home = join(folder, name);
    await mkdir(home);
    const ran = await execa('bash', ['-c', script], {
      cwd: home,
      env: { PATH: `${join(folder, 'bin')}:${process.env['PATH'] ?? ''}` },
      stdin: 'ignore',
      all: true,
      reject: false,
      timeout: tourDeadlineMs - 10_000,
      forceKillAfterDelay: 5_000,
    });
    expect(ran.exitCode, ran.all).toBe(0);
    return { home, stdout: ran.stdout, all: ran.all };
  }

  it(
    'gives shell commands that work one after the other',
    { timeout: tourDeadlineMs },
    async () => {
      const { all, home, stdout } = await walk(tour('first'), 'tour');
      // One of the replicas took over; none of them is a second one in the master's own folder.
      expect(existsSync(join(home, 'standby/cities/control.json')), all).toBe(true);
      expect(existsSync(join(home, 'pamina-data/cities-old/control.json')), all).toBe(true);
      expect(existsSync(join(home, 'pamina-data/cities-second'))).toBe(false);
      // Read on the master before, by the query on its replica, and on the replica in its place after.
      expect(stdout.match(/"country":"FR"/g), all).toHaveLength(3);
    },
  );

  it.skipIf(!hasOpenssl)(
    'gives shell commands for servers with TLS that work (needs openssl)',
    { timeout: tourDeadlineMs },
    async () => {
      const { all, stdout } = await walk(tour('network'), 'network');
      expect(stdout, all).toContain('{"km":2850}');
      // By a user that the replica knows of its master, behind what a remote client wrote; refused as a writer.
      expect(stdout, all).toContain('{"km":1233}');
      expect(all).toMatch(/FORBIDDEN[^]*FORBIDDEN, as it should be/);
      expect(stdout, all).toMatch(/rivers \(https:\/\/127\.0\.0\.1:\d+\)/);
    },
  );

  it('links only to files that exist', () => {
    const links = [...markdown.matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)].map(
      (link) => link[1] ?? '',
    );
    expect(links.length).toBeGreaterThan(5);
    expect(links.filter((link) => !existsSync(join(repository, link)))).toEqual([]);
  });
});
