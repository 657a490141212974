import { PaminaError } from '@pamina/format';
import { readFileSync } from 'node:fs';
import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { Interrupted } from '../src/io.js';
import { each, fakeAdministration, notFound, runCommand, runWith } from './fake-administration.js';

describe('a run', () => {
  it('P9 prints an error as code, what happened and what to do, with the status of its class', async () => {
    const administration = fakeAdministration({ status: () => Promise.reject(notFound('x')) });
    const ran = await runWith(administration, ['status', 'x']);
    expect(ran).toMatchObject({ status: 3, out: '' });
    expect(ran.err).toMatch(
      /^DATABASE_NOT_FOUND: There is no database x\. List what there is with/,
    );
  });

  it('P9 prints an error as one JSON object on stderr with --json', async () => {
    const administration = fakeAdministration({ status: () => Promise.reject(notFound('x')) });
    const ran = await runWith(administration, ['status', 'x', '--json']);
    expect(ran).toMatchObject({ status: 3, out: '' });
    expect(JSON.parse(ran.err)).toEqual({
      error: {
        code: 'DATABASE_NOT_FOUND',
        message: 'There is no database x',
        hint: expect.any(String) as string,
      },
    });
  });

  it('P9 reports what is no error of ours as INTERNAL', async () => {
    const administration = fakeAdministration({ list: () => Promise.reject(new Error('oops')) });
    const ran = await runWith(administration, ['list']);
    expect(ran.status).toBe(1);
    expect(ran.err).toMatch(/^INTERNAL: oops\. /);
  });

  it('P9 refuses an unknown verb with status 2, as JSON if asked for', async () => {
    expect(await runCommand(['lits'])).toMatchObject({ status: 2, out: '' });
    const ran = await runCommand(['lits', '--json']);
    expect(JSON.parse(ran.err)).toMatchObject({ error: { code: 'USAGE' } });
  });

  it('prints help on stdout with status 0, without looking for any data', async () => {
    const ran = await runCommand(['backup', '--help']);
    expect(ran).toMatchObject({ status: 0, err: '' });
    expect(ran.out).toContain('--tag');
  });

  it('prints the version of the package', async () => {
    const { version: packaged } = JSON.parse(
      readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
    ) as { version: string };
    expect(await runCommand(['--version'])).toMatchObject({ status: 0, out: `${packaged}\n` });
  });

  it('closes the administration after success and after an error', async () => {
    const good = fakeAdministration();
    await runWith(good, ['list']);
    expect(good.calls.at(-1)).toEqual(['close']);
    const bad = fakeAdministration({ list: () => Promise.reject(notFound('x')) });
    await runWith(bad, ['list']);
    expect(bad.calls.at(-1)).toEqual(['close']);
  });

  it('ends with the status of the signal when it is interrupted, and without a message', async () => {
    const ending = new AbortController();
    const administration = fakeAdministration({
      create: () => {
        ending.abort(new Interrupted('SIGTERM'));
        return new Promise(() => undefined);
      },
    });
    const ran = await runWith(administration, ['create', 'x'], { signal: ending.signal });
    expect(ran).toMatchObject({ status: 143, out: '', err: '' });
    expect(administration.calls.at(-1)).toEqual(['close']);
  });

  it('P13 waits for a slow stdout instead of gathering output', async () => {
    let asked = 0;
    const stdout = new SlowSink();
    const entries = (async function* () {
      for (; asked < 200; asked += 1) {
        // What was asked for and not yet written stays within one block and the stream's own.
        expect(asked * 16_384 - stdout.written).toBeLessThan(512 * 1024);
        yield await Promise.resolve({ key: String(asked), value: 'x'.repeat(16_384) });
      }
    })();
    const administration = fakeAdministration({ exportEntries: () => entries });
    const ran = await runWith(administration, ['export', 'x'], { stdout });
    expect(ran.status).toBe(0);
    expect(asked).toBe(200);
  });

  it('ends quietly as by SIGPIPE when nobody reads stdout any more', async () => {
    let asked = 0;
    const entries = (async function* () {
      for (; asked < 100_000; asked += 1)
        yield await Promise.resolve({ key: 'k', value: 'x'.repeat(100) });
    })();
    const stdout = failingSink('EPIPE');
    const ran = await runWith(
      fakeAdministration({ exportEntries: () => entries }),
      ['export', 'x'],
      {
        stdout,
      },
    );
    expect(ran).toMatchObject({ status: 141, err: '' });
    expect(asked).toBeLessThan(10_000);
  });

  it('P9 reports that stdout failed for another reason', async () => {
    const entries = each([{ key: 'a', value: 'b' }]);
    const ran = await runWith(
      fakeAdministration({ exportEntries: () => entries }),
      ['export', 'x'],
      {
        stdout: failingSink('ENOSPC'),
      },
    );
    expect(ran.status).not.toBe(0);
    expect(ran.err).toContain('ENOSPC');
  });

  it('P9 does not let what a database holds drive the terminal', async () => {
    const error = new PaminaError('INTERNAL', 'bad \u001b[2J name\u0007');
    const ran = await runWith(fakeAdministration({ list: () => Promise.reject(error) }), ['list']);
    expect(ran.err).toContain('bad \\x1b[2J name\\x07.');
  });
});

class SlowSink extends Writable {
  written = 0;

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    setImmediate(() => {
      this.written += chunk.length;
      done();
    });
  }
}

function failingSink(code: string): Writable {
  return new Writable({
    write: (_chunk, _encoding, done) => done(Object.assign(new Error(`write ${code}`), { code })),
  });
}
