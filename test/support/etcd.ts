// An etcd of a test: Debian's, on ports of its own, with a folder that goes with it. Where it is not installed the
// tests that need it are listed as not run.
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { freePort } from './free-port.js';
import { RunningProcess } from './running-process.js';
import { until } from './until.js';

const program = (process.env['PATH'] ?? '')
  .split(delimiter)
  .map((folder) => join(folder, 'etcd'))
  .find((path) => existsSync(path));

export const isEtcdLacking = program === undefined;

export interface EtcdTls {
  /** Paths of PEM files. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export class EtcdServer {
  /** As a directory. */
  readonly address: string;
  readonly url: string;
  readonly #folder: string;
  readonly #peerPort: number;
  readonly #tls: EtcdTls | null;
  #process: RunningProcess | null = null;

  private constructor(folder: string, ports: readonly [number, number], tls: EtcdTls | null) {
    const [port, peerPort] = ports;
    this.#folder = folder;
    this.#peerPort = peerPort;
    this.#tls = tls;
    this.url = `${tls === null ? 'http' : 'https'}://127.0.0.1:${port}`;
    this.address = this.url.replace('http', 'etcd');
  }

  static async start(tls: EtcdTls | null = null): Promise<EtcdServer> {
    const folder = await mkdtemp(join(tmpdir(), 'pamina-etcd-'));
    const server = new EtcdServer(folder, [await freePort(), await freePort()], tls);
    await server.start();
    return server;
  }

  async start(): Promise<void> {
    const peer = `http://127.0.0.1:${this.#peerPort}`;
    const words = [
      ...['--data-dir', join(this.#folder, 'data')],
      ...['--listen-client-urls', this.url, '--advertise-client-urls', this.url],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
      ...['--initial-cluster', `default=${peer}`],
    ];
    const tls = this.#tls;
    if (tls !== null) {
      words.push('--cert-file', tls.cert, '--key-file', tls.key);
      words.push('--trusted-ca-file', tls.ca, '--client-cert-auth');
    }
    const etcd = new RunningProcess('etcd', words, { command: program });
    this.#process = etcd;
    await until(
      'etcd serves',
      () => {
        if (etcd.exit !== null) throw new Error(etcd.describe());
        return etcd.stderr.includes('ready to serve client requests');
      },
      { instead: () => etcd.describe() },
    );
  }

  /** As if its machine were gone. */
  async kill(): Promise<void> {
    await this.#process?.kill('SIGKILL');
    this.#process = null;
  }

  async close(): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** What stands under a key; null if it is not there. */
  async read(key: string): Promise<string | null> {
    const { kvs = [] } = (await this.#ask('kv/range', { key: base64(key) })) as {
      kvs?: { value?: string }[];
    };
    const [first] = kvs;
    return first === undefined ? null : Buffer.from(first.value ?? '', 'base64').toString('utf8');
  }

  async write(key: string, value: string): Promise<void> {
    await this.#ask('kv/put', { key: base64(key), value: base64(value) });
  }

  async keys(prefix: string): Promise<string[]> {
    const range = { key: base64(prefix), range_end: base64(`${prefix}~`), keys_only: true };
    const { kvs = [] } = (await this.#ask('kv/range', range)) as { kvs?: { key: string }[] };
    return kvs.map(({ key }) => Buffer.from(key, 'base64').toString('utf8'));
  }

  async #ask(method: string, body: object): Promise<unknown> {
    const answer = await fetch(`${this.url}/v3/${method}`, {
      method: 'POST',
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${method}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }
}

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}
