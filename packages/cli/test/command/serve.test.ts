import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Interrupted } from '../../src/io.js';
import { run } from '../../src/run.js';
import { runCommand, Sink } from '../fake-administration.js';

let cwd: string;

beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'pamina-serve-'));
});

afterEach(async () => {
  await rm(cwd, { recursive: true });
});

/** Calls back with each line as it is printed. */
class LineSink extends Sink {
  readonly #onLine: (line: string) => void;

  constructor(onLine: (line: string) => void) {
    super();
    this.#onLine = onLine;
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: () => void): void {
    const before = this.text.length;
    super._write(chunk, encoding, done);
    for (const line of this.text.slice(before).split('\n')) if (line !== '') this.#onLine(line);
  }
}

it('says where it listens, answers there, and ends well on a signal', async () => {
  const ending = new AbortController();
  let answer: unknown = null;
  const stdout = new LineSink((line) => {
    const address = /^listening on (http:\/\/127\.0\.0\.1:\d+)$/.exec(line)?.[1];
    void fetch(`${address}/v1/server`)
      .then(async (response) => {
        answer = await response.json();
        expect((await stat(join(cwd, 'pamina-data', 'server.json'))).isFile()).toBe(true);
      })
      .finally(() => ending.abort(new Interrupted('SIGTERM')));
  });
  const stderr = new Sink();
  const io = { stdout, stderr, env: {}, cwd, signal: ending.signal };
  const status = await run(['serve', '--listen', '127.0.0.1:0'], io);
  expect({ status, err: stderr.text }).toEqual({ status: 0, err: '' });
  expect(answer).toMatchObject({ product: 'pamina' });
  await expect(stat(join(cwd, 'pamina-data', 'server.json'))).rejects.toMatchObject({
    code: 'ENOENT',
  });
});

it('prints one object with --json', async () => {
  const ending = new AbortController();
  const stdout = new LineSink(() => ending.abort(new Interrupted('SIGINT')));
  const io = { stdout, stderr: new Sink(), env: {}, cwd, signal: ending.signal };
  expect(await run(['serve', '--listen', '127.0.0.1:0', '--json'], io)).toBe(0);
  expect(JSON.parse(stdout.text)).toEqual({
    listening: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) as string,
  });
});

it.each(['0.0.0.0:0', '[::]:0', '192.0.2.1:0', ':0'])(
  'P14 refuses to listen on %s without a token file',
  async (listen) => {
    const ran = await runCommand(['serve', '--listen', listen], { cwd });
    expect(ran).toMatchObject({ status: 5, out: '' });
    expect(ran.err).toMatch(/^TOKEN_REQUIRED: /);
  },
);

it('P14 refuses to listen for others without TLS, unless that is said in words', async () => {
  await writeFile(join(cwd, 'token'), 'x'.repeat(32), { mode: 0o600 });
  const argv = ['serve', '--listen', '0.0.0.0:0', '--token-file', 'token'];
  const ran = await runCommand(argv, { cwd });
  expect(ran).toMatchObject({ status: 5, out: '' });
  expect(ran.err).toMatch(/^TLS_REQUIRED: .*--tls-cert.*--insecure/);

  const ending = new AbortController();
  const stdout = new LineSink(() => ending.abort(new Interrupted('SIGTERM')));
  const io = { stdout, stderr: new Sink(), env: {}, cwd, signal: ending.signal };
  expect(await run([...argv, '--insecure'], io)).toBe(0);
  expect(io.stderr.text).toMatch(/^warning: INSECURE: /);
});

it('calls only the servers that --allow-master names, which may be given several times', async () => {
  for (const argv of [
    ['--allow-master', 'not/a host'],
    ['--allow-master', 'db1.example', '--allow-master', 'db2.example:99999'],
    ['--allow-master=db1.example,:7474'],
  ]) {
    const ran = await runCommand(['serve', '--listen', '127.0.0.1:0', ...argv], { cwd });
    expect(ran, argv.join(' ')).toMatchObject({ status: 2 });
    expect(ran.err).toMatch(/^ADDRESS_INVALID: /);
  }
});

it('P14 refuses a token file that others can read', async () => {
  await writeFile(join(cwd, 'token'), 'x'.repeat(32));
  await chmod(join(cwd, 'token'), 0o644);
  const argv = ['serve', '--listen', '127.0.0.1:0', '--token-file', 'token'];
  const ran = await runCommand(argv, { cwd });
  expect(ran).toMatchObject({ status: 2, out: '' });
  expect(ran.err).toMatch(/^TOKEN_INVALID: .*mode 0644.*chmod 600/);
});

it('P9 refuses what is no address', async () => {
  const ran = await runCommand(['serve', '--listen', 'here'], { cwd });
  expect(ran).toMatchObject({ status: 2 });
  expect(ran.err).toMatch(/^ADDRESS_INVALID: /);
});
