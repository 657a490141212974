// Certificates of a server: what is taken, what is refused, and what happens when files change under it.

import { chmod, copyFile, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Env, ServerTls } from '@pamina/env';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type CertificateFiles,
  hasOpenssl,
  makeCertificate,
} from '../../../test/support/certificates.js';
import { until } from '../../../test/support/until.js';
import { Certificates, type ServerTlsFiles } from '../src/certificates.js';
import type { Notice } from '../src/notice.js';
import { readClientTls } from '../src/tls-files.js';
import { env } from './workbench.js';

const dayMs = 24 * 60 * 60 * 1000;

describe.skipIf(!hasOpenssl)('certificates of a server (needs openssl)', () => {
  let made: string;
  let authority: CertificateFiles;
  let first: CertificateFiles;
  let second: CertificateFiles;
  let folder: string;
  let files: { cert: string; key: string };
  let notices: Notice[];
  let open: Certificates[];

  beforeAll(async () => {
    made = await mkdtemp(join(tmpdir(), 'pamina-made-'));
    authority = await makeCertificate(made, 'authority', { isAuthority: true });
    first = await makeCertificate(made, 'first', { signer: authority });
    second = await makeCertificate(made, 'second', { signer: authority });
  });
  afterAll(() => rm(made, { recursive: true }));

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pamina-certificates-'));
    files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
    await copyFile(first.cert, files.cert);
    await copyFile(first.key, files.key);
    notices = [];
    open = [];
  });
  afterEach(async () => {
    for (const one of open) await one.close();
    await rm(folder, { recursive: true });
  });

  async function certificatesOf(given: ServerTlsFiles, world: Env = env): Promise<Certificates> {
    const onNotice = (notice: Notice): unknown => notices.push(notice);
    const certificates = await Certificates.open({
      env: world,
      files: given,
      onNotice,
      settleMs: 100,
    });
    open.push(certificates);
    return certificates;
  }

  function at(now: number): Env {
    return { ...env, clock: { ...env.clock, now: () => now } };
  }

  async function replace(from: CertificateFiles): Promise<void> {
    await copyFile(from.cert, `${files.cert}.new`);
    await copyFile(from.key, `${files.key}.new`);
    await rename(`${files.cert}.new`, files.cert);
    await rename(`${files.key}.new`, files.key);
  }

  it('are read with who they are for and until when', async () => {
    const { certificate, client, server } = await certificatesOf({ ...files, ca: authority.cert });
    expect(certificate?.names).toBe('localhost, 127.0.0.1');
    expect(certificate?.expiresAt).toBeGreaterThan(Date.now() + 89 * dayMs);
    expect(['localhost', '127.0.0.1'].every((host) => certificate?.covers(host))).toBe(true);
    expect(['example.org', '10.0.0.1', '::1'].some((host) => certificate?.covers(host))).toBe(
      false,
    );
    expect(client?.ca?.length).toBeGreaterThan(100);
    expect(server?.clientCa).toBeUndefined();
    expect(notices).toEqual([]);
  });

  it('need not be there', async () => {
    const none = await certificatesOf({});
    expect([none.server, none.client, none.certificate]).toEqual([null, null, null]);
    const trusting = await certificatesOf({ ca: authority.cert });
    expect(trusting.server).toBeNull();
    expect(trusting.client).toMatchObject({ cert: undefined });
    expect(await readClientTls(env, {})).toBeNull();
  });

  it('P9 are refused with the file and the reason, and what to do', async () => {
    await writeFile(join(folder, 'empty'), '');
    await writeFile(join(folder, 'open-key'), 'x');
    await copyFile(first.key, join(folder, 'open-key'));
    await chmod(join(folder, 'open-key'), 0o640);
    const bad: [ServerTlsFiles, string, RegExp][] = [
      [{ cert: files.cert }, 'TLS_INVALID', /without its key/],
      [{ key: files.key }, 'TLS_INVALID', /without its certificate/],
      [{ ...files, key: second.key }, 'TLS_INVALID', /does not belong to the certificate/],
      [{ ...files, key: join(folder, 'open-key') }, 'TLS_INVALID', /mode 0640.*chmod 600/s],
      [{ ...files, key: files.cert }, 'TLS_INVALID', /open to others|no private key/],
      [{ ...files, cert: files.key }, 'TLS_INVALID', /no certificate/],
      [{ ...files, cert: join(folder, 'empty') }, 'TLS_INVALID', /no certificate/],
      [{ ...files, cert: folder }, 'TLS_INVALID', /not a file/],
      [{ ...files, cert: join(folder, 'missing') }, 'FILE_NOT_FOUND', /no file/],
      [{ ...files, ca: files.key }, 'TLS_INVALID', /no certificate/],
      [{ clientCa: authority.cert }, 'TLS_INVALID', /by a server that has one/],
    ];
    for (const [given, code, why] of bad) {
      const error: unknown = await certificatesOf(given).catch((thrown: unknown) => thrown);
      expect(error, String(why)).toMatchObject({ code });
      expect(String(error)).toMatch(why);
    }
  });

  it('P9 are refused before and after their time', async () => {
    await expect(certificatesOf(files, at(Date.now() + 91 * dayMs))).rejects.toThrow(
      /expired at 2/,
    );
    await expect(certificatesOf(files, at(Date.now() - dayMs))).rejects.toThrow(/not valid before/);
  });

  it('say at the start that they end within two weeks', async () => {
    await certificatesOf(files, at(Date.now() + 77 * dayMs));
    expect(notices).toEqual([
      expect.objectContaining({
        level: 'warning',
        message: expect.stringMatching(/expires at 2/) as string,
      }),
    ]);
  });

  it('are read again when both files are there', async () => {
    const certificates = await certificatesOf(files);
    const used: ServerTls[] = [];
    const told: string[] = [];
    const before = certificates.client;
    await certificates.watch(
      (server) => used.push(server),
      (certificate) => {
        told.push(certificate.names);
        return Promise.resolve();
      },
    );
    await replace(second);
    await until('they are used', () => told.length > 0);
    expect(used.at(-1)?.cert).toEqual(certificates.server?.cert);
    expect(certificates.client).not.toBe(before);
    expect(notices.filter(({ level }) => level === 'warning')).toEqual([]);
  });

  it('P9 stay in use while what is there is half or wrong, which is said once', async () => {
    const certificates = await certificatesOf(files);
    let used = 0;
    await certificates.watch(
      () => (used += 1),
      () => Promise.resolve(),
    );
    const before = certificates.server;
    const warnings = (): string[] =>
      notices.flatMap(({ level, message }) => (level === 'warning' ? [message] : []));
    await copyFile(second.cert, files.cert);
    await until('it is said', () => warnings().length === 1);
    expect(warnings()[0]).toMatch(/does not belong.*stay in use/);
    await writeFile(files.cert, '-----BEGIN CERTIFICATE-----\n');
    await until('the next one is said', () => warnings().length === 2);
    expect([used, certificates.server]).toEqual([0, before]);
    await replace(second);
    await until('the whole pair is used', () => used === 1);
  });

  it('P9 stay in use where the listener cannot use what was read', async () => {
    const certificates = await certificatesOf(files);
    const before = certificates.client;
    await certificates.watch(
      () => {
        throw new Error('unheard of');
      },
      () => Promise.resolve(),
    );
    await replace(second);
    await until('it is said', () => notices.length > 0);
    expect(notices[0]?.message).toMatch(/unheard of.*stay in use/);
    expect(certificates.client).toBe(before);
  });

  it('are found again behind a link that is turned to another folder, if only by looking', async () => {
    const link = join(folder, 'current');
    await symlink(made, link);
    const through = { cert: join(link, 'first.cert'), key: join(link, 'first.key') };
    const tasks: (() => void)[] = [];
    const after = (ms: number, task: () => void): (() => void) => {
      if (ms === 60_000) tasks.push(task);
      return env.clock.after(ms, task);
    };
    const certificates = await certificatesOf(through, { ...env, clock: { ...env.clock, after } });
    let used = 0;
    await certificates.watch(
      () => (used += 1),
      () => Promise.resolve(),
    );
    const other = await mkdtemp(join(folder, 'other-'));
    await copyFile(second.cert, join(other, 'first.cert'));
    await copyFile(second.key, join(other, 'first.key'));
    await symlink(other, `${link}.new`);
    await rename(`${link}.new`, link);
    await until('it is looked at', () => {
      tasks.at(-1)?.();
      return used === 1;
    });
  });
});
