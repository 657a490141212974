// Servers with TLS as real processes: a replica that follows over it, clients without a certificate,
// a certificate that is replaced, and addresses that are not to be called.
import { copyFile, readFile, rename, writeFile } from 'node:fs/promises';
import { connect, type TLSSocket } from 'node:tls';
import { once } from 'node:events';
import { RemoteAdministration } from '@pamina/client';
import { nodeEnv, securedNetwork } from '@pamina/env';
import { describe, expect, it } from 'vitest';
import { type CertificateFiles, hasOpenssl, makeCertificate } from '../support/certificates.js';
import { pamina, tokenFile } from '../support/command.js';
import {
  createMaster,
  createReplica,
  expectEqualStates,
  statusOf,
  untilLevel,
} from '../support/following.js';
import { inScene, type Scene } from '../support/scene.js';
import { ServedFolder, type ServedTls } from '../support/served-folder.js';
import { until } from '../support/until.js';

const token = 'papageno-papagena-tamino';
const env = nodeEnv();

async function certificateIn(
  scene: Scene,
  name: string,
  signer: CertificateFiles,
  names?: string,
): Promise<ServedTls> {
  const made = await makeCertificate(scene.folder, name, { signer, ...(names ? { names } : {}) });
  return { ca: signer.cert, ...made };
}

/** Who the server at an address says it is, to somebody who has a certificate. */
async function shownAt({ address }: ServedFolder, tls: ServedTls): Promise<string> {
  const { hostname, port } = new URL(address);
  const [ca, cert, key] = await Promise.all(
    [tls.ca, tls.cert, tls.key].map((file) => readFile(file)),
  );
  const socket: TLSSocket = connect({
    host: hostname,
    port: Number(port),
    ca,
    cert,
    key,
  } as object);
  await once(socket, 'secureConnect');
  const { CN } = socket.getPeerCertificate().subject;
  socket.destroy();
  return String(CN);
}

function clientOf(address: string, tls: { ca?: Uint8Array }): RemoteAdministration {
  const network = securedNetwork(env.network, { tls: () => tls });
  return new RemoteAdministration({ env: { ...env, network }, address, token });
}

describe.skipIf(!hasOpenssl)('servers with TLS (needs openssl)', () => {
  it(
    'P14 P16 a replica with its own certificate follows over mutual TLS, also while a certificate is replaced',
    inScene(async (scene) => {
      const authority = await makeCertificate(scene.folder, 'authority', { isAuthority: true });
      const main = { ...(await certificateIn(scene, 'main', authority)), clientCa: authority.cert };
      const other = await certificateIn(scene, 'other', authority);
      const access = { token, tokenFile: await tokenFile(scene, token) };
      const here = await ServedFolder.started(scene, 'here', { ...access, tls: main });
      const standby = {
        ...(await certificateIn(scene, 'standby', authority)),
        clientCa: authority.cert,
      };
      const there = await ServedFolder.started(scene, 'there', { ...access, tls: standby });
      const master = await createMaster(here, 'cities');
      await here.administration.put('cities', 'paris', 'FR');
      await here.administration.backup('cities');
      const replica = await createReplica(there, 'cities-replica', master);
      expect((await statusOf(replica)).master?.address).toBe(here.address);

      // Nobody without a certificate that was signed for it, token or not.
      const stranger = clientOf(here.address, { ca: await readFile(authority.cert) });
      await expect(stranger.list()).rejects.toMatchObject({
        code: expect.stringMatching(/^(TLS_FAILED|CONNECT_FAILED)$/) as string,
        hint: expect.stringContaining('--tls-cert') as string,
      });
      await stranger.close();
      const plain = new RemoteAdministration({
        env,
        address: here.address.replace('https', 'http'),
        token,
      });
      await expect(plain.list()).rejects.toMatchObject({ code: 'CONNECT_FAILED' });
      await plain.close();

      // The master's certificate is replaced while it writes and its replica follows.
      const { since } = await statusOf(replica);
      expect(await shownAt(here, main)).toBe('main');
      await copyFile(other.cert, `${main.cert}.new`);
      await copyFile(other.key, `${main.key}.new`);
      await rename(`${main.cert}.new`, main.cert);
      let written = 0;
      await until('new connections see the new certificate', async () => {
        await here.administration.put('cities', `linz-${(written += 1)}`, 'AT');
        if (written === 3) await rename(`${main.key}.new`, main.key);
        return written > 3 && (await shownAt(here, other)) === 'other';
      });
      await here.administration.put('cities', 'graz', 'AT');
      await untilLevel(replica, master);
      expect((await statusOf(replica)).since).toBe(since);
      await expectEqualStates(master, replica);
      // A replica that connects anew meets the new one.
      await there.restart();
      await here.administration.put('cities', 'wien', 'AT');
      await untilLevel(replica, master);
    }),
  );

  it(
    'P9 the command finds its own server by the certificate’s name, and says what to do without its signer',
    inScene(async (scene) => {
      const own = await makeCertificate(scene.folder, 'own', { names: 'DNS:db1.example' });
      const served = await ServedFolder.started(scene, 'data', {
        token,
        tokenFile: await tokenFile(scene, token),
        tls: { ca: own.cert, ...own },
        words: ['--advertise', 'https://db1.example:7474'],
      });
      const access = ['--token-file', scene.path('token')];
      const trusting = [...access, '--tls-ca', own.cert];
      const created = await served.pamina('create', 'cities', ...trusting);
      expect(created.status, created.stderr).toBe(0);
      const status = await served.pamina('status', 'cities', '--json', ...trusting);
      expect(JSON.parse(status.stdout)).toMatchObject({ online: true });
      const untrusted = await served.pamina('status', 'cities', ...access);
      expect(untrusted.status).toBe(8);
      expect(untrusted.stderr).toMatch(/^TLS_FAILED: .*--tls-ca/);
      const address = JSON.parse(await readFile(scene.path('directory.json'), 'utf8')) as Record<
        string,
        { address: string }
      >;
      expect(address['cities']?.address).toBe('https://db1.example:7474');
      expect(served.process.stderr).toBe('');
    }),
  );

  it(
    'P9 a server does not start with certificates that are of no use, and says which',
    inScene(async (scene) => {
      const one = await makeCertificate(scene.folder, 'one');
      const two = await makeCertificate(scene.folder, 'two');
      const serve = ['serve', '--listen', '127.0.0.1:0'];
      const unfit = await pamina(scene, [...serve, '--tls-cert', one.cert, '--tls-key', two.key]);
      expect(unfit).toMatchObject({ status: 2, stdout: '' });
      expect(unfit.stderr).toMatch(/^TLS_INVALID: .*two\.key.*does not belong/);
      const alone = await pamina(scene, [...serve, '--tls-cert', one.cert]);
      expect(alone.stderr).toMatch(/^TLS_INVALID: .*without its key/);
    }),
  );
});

it(
  'P14 a server with a list of masters calls none beside them, and keeps its token from them',
  inScene(async (scene) => {
    const here = await ServedFolder.started(scene, 'here');
    const master = await createMaster(here, 'cities');
    await here.administration.backup('cities');
    const { host, port } = new URL(here.address);
    const words = ['--allow-master', `db1.example,127.0.0.1:${Number(port) + 1}`];
    const there = await ServedFolder.started(scene, 'there', { words });
    const refused = { code: 'ADDRESS_NOT_ALLOWED' };
    const { administration } = there;
    await expect(administration.replicate('copy', { master: 'cities' })).rejects.toMatchObject(
      refused,
    );
    await expect(
      administration.create('copy', { fromBackup: 'pamina://cities' }),
    ).rejects.toMatchObject(refused);
    // Itself it may call.
    await administration.create('own');
    expect(await administration.list()).toHaveLength(1);

    const allowed = await ServedFolder.started(scene, 'allowed', {
      words: ['--allow-master', host],
    });
    const replica = await createReplica(allowed, 'cities-replica', master);
    await here.administration.put('cities', 'paris', 'FR');
    await untilLevel(replica, master);
    // The directory leads it elsewhere: it does not go there, and comes back when it is right again.
    await here.stop();
    const elsewhere = { cities: { address: 'http://127.0.0.1:9', instance: null, since: null } };
    await writeFile(scene.path('directory.json'), JSON.stringify(elsewhere));
    await until('it says why it is not connected', async () =>
      JSON.stringify(await statusOf(replica)).includes('none of the addresses'),
    );
    await here.start();
    await here.administration.put('cities', 'wien', 'AT');
    await untilLevel(replica, master);
  }),
);
