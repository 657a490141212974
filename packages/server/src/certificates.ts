// The certificates of a server that runs: read at its start, and again when their files change. What
// is there half or does not fit is told and not used; the server goes on with what it has (P9).

import type { ClientTls, Env, ServerTls } from '@pamina/env';
import { PaminaError, toPaminaError } from '@pamina/format';
import { type Certificate, timeText } from './certificate.js';
import type { Notice } from './notice.js';
import { type CheckedPair, readAuthorities, readPair, type TlsFiles } from './tls-files.js';

export interface ServerTlsFiles extends TlsFiles {
  /** Mutual TLS: clients must show a certificate that these signed. */
  readonly clientCa?: string | undefined;
}

export interface CertificatesOptions {
  readonly env: Env;
  readonly files: ServerTlsFiles;
  readonly onNotice: (notice: Notice) => void;
  /** How long a certificate may be there without its key before that is told; 2 s if not given. */
  readonly settleMs?: number | undefined;
}

interface Material {
  readonly ca: Uint8Array | undefined;
  readonly clientCa: Uint8Array | undefined;
  readonly pair: CheckedPair | null;
}

/** Files that cannot be used as they are. */
interface Fault {
  readonly message: string;
  /** On the monotonic clock. */
  readonly since: number;
  /** Said once. */
  isTold: boolean;
}

const settleMsDefault = 2_000;
/** Also without word from the file system: links to folders, other machines' disks. */
const lookAgainMs = 60_000;
const dayMs = 24 * 60 * 60 * 1000;
const warnBeforeMs = 14 * dayMs;

export class Certificates {
  readonly #options: CertificatesOptions;
  #material: Material;
  #client: ClientTls | null;
  #use: (server: ServerTls) => void = () => undefined;
  #onUsed: (certificate: Certificate) => Promise<void> = () => Promise.resolve();
  #stops: (() => Promise<void>)[] = [];
  #cancel: () => void = () => undefined;
  #looking: Promise<void> | null = null;
  #isToLookAgain = false;
  #isClosed = false;
  #fault: Fault | null = null;
  #expiryTold = 0;

  private constructor(options: CertificatesOptions, material: Material) {
    this.#options = options;
    this.#material = material;
    this.#client = clientOf(material);
  }

  /** FILE_NOT_FOUND, ACCESS_DENIED, TLS_INVALID. */
  static async open(options: CertificatesOptions): Promise<Certificates> {
    const { cert, clientCa } = options.files;
    if (clientCa !== undefined && cert === undefined) {
      const message = `clients can be asked for certificates of ${clientCa} by a server that has one`;
      throw new PaminaError('TLS_INVALID', message);
    }
    const certificates = new Certificates(options, await readMaterial(options));
    certificates.#warnOfExpiry();
    return certificates;
  }

  /** To listen with; null: without TLS. */
  get server(): ServerTls | null {
    return serverOf(this.#material);
  }

  /** To call other servers with; another object after each change. */
  get client(): ClientTls | null {
    return this.#client;
  }

  get certificate(): Certificate | null {
    return this.#material.pair?.certificate ?? null;
  }

  /** Watches the files until `close`. `use` throws TLS_INVALID where what was read is of no use. */
  async watch(
    use: (server: ServerTls) => void,
    onUsed: (certificate: Certificate) => Promise<void>,
  ): Promise<void> {
    this.#use = use;
    this.#onUsed = onUsed;
    const { env, files } = this.#options;
    const paths = [files.ca, files.cert, files.clientCa, files.key].filter(
      (one) => one !== undefined,
    );
    if (paths.length === 0) return;
    for (const path of new Set(paths)) {
      try {
        this.#stops.push(await env.disk.watch(path, () => this.#look()));
      } catch (error) {
        const { message } = toPaminaError(error);
        this.#notice('warning', `${message}; it is looked at once a minute`);
      }
    }
    this.#lookLater(lookAgainMs);
    // What was changed while the watchers came up.
    this.#look();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancel();
    await Promise.all(this.#stops.map((stop) => stop()));
    await this.#looking;
  }

  #lookLater(ms: number): void {
    this.#cancel();
    if (!this.#isClosed) this.#cancel = this.#options.env.clock.after(ms, () => this.#look());
  }

  #look(): void {
    if (this.#isClosed) return;
    if (this.#looking !== null) {
      this.#isToLookAgain = true;
      return;
    }
    this.#looking = this.#lookNow().finally(() => {
      this.#looking = null;
      if (!this.#isToLookAgain) return;
      this.#isToLookAgain = false;
      this.#look();
    });
  }

  async #lookNow(): Promise<void> {
    this.#warnOfExpiry();
    try {
      const material = await readMaterial(this.#options);
      if (!isSame(material, this.#material)) await this.#replace(material);
      this.#fault = null;
      this.#lookLater(lookAgainMs);
    } catch (error) {
      this.#noteFault(toPaminaError(error));
    }
  }

  async #replace(material: Material): Promise<void> {
    const server = serverOf(material);
    const { pair } = material;
    if (server !== null) this.#use(server);
    this.#material = material;
    this.#client = clientOf(material);
    this.#expiryTold = 0;
    const what = pair === null ? '' : `: ${describe(pair.certificate)}`;
    this.#notice('info', `New connections use the certificates that were put there${what}`);
    this.#warnOfExpiry();
    if (pair === null) return;
    try {
      await this.#onUsed(pair.certificate);
    } catch (error) {
      this.#notice('warning', toPaminaError(error).message);
    }
  }

  /** A certificate is replaced before its key, or after it: that alone is told to nobody. */
  #noteFault(error: PaminaError): void {
    const { clock } = this.#options.env;
    const settleMs = this.#options.settleMs ?? settleMsDefault;
    // Another fault than before: somebody is at work there, and is given the same time again.
    if (this.#fault?.message !== error.message) {
      this.#fault = { message: error.message, since: clock.monotonic(), isTold: false };
    }
    const leftMs = this.#fault.since + settleMs - clock.monotonic();
    if (leftMs > 0) {
      this.#lookLater(leftMs);
      return;
    }
    this.#lookLater(lookAgainMs);
    if (this.#fault.isTold) return;
    this.#fault.isTold = true;
    this.#notice(
      'warning',
      `${error.message}. The certificates of before stay in use. ${error.hint}`,
    );
  }

  #warnOfExpiry(): void {
    const { certificate } = this;
    if (certificate === null) return;
    const now = this.#options.env.clock.now();
    const isSoon = now >= certificate.expiresAt - warnBeforeMs;
    if (!isSoon || now < this.#expiryTold + dayMs) return;
    this.#expiryTold = now;
    const when = timeText(certificate.expiresAt);
    const what = now >= certificate.expiresAt ? 'has expired' : 'expires';
    const cert = this.#options.files.cert ?? '';
    this.#notice(
      'warning',
      `The certificate ${cert} ${what} at ${when}. Have it renewed, and put the new one and its key in place of the old ones`,
    );
  }

  #notice(level: Notice['level'], message: string): void {
    this.#options.onNotice({ level, topic: 'certificates', message });
  }
}

/** `db1.example, 10.0.0.5, until 2027-03-01 00:00:00 UTC` */
function describe({ expiresAt, names }: Certificate): string {
  return `${names}, until ${timeText(expiresAt)}`;
}

async function readMaterial({ env, files }: CertificatesOptions): Promise<Material> {
  const { ca, clientCa } = files;
  return {
    pair: await readPair(env, files),
    ca: ca === undefined ? undefined : await readAuthorities(env, ca),
    clientCa: clientCa === undefined ? undefined : await readAuthorities(env, clientCa),
  };
}

function serverOf({ clientCa, pair }: Material): ServerTls | null {
  return pair === null ? null : { cert: pair.cert, key: pair.key, clientCa };
}

function clientOf({ ca, pair }: Material): ClientTls | null {
  if (ca === undefined && pair === null) return null;
  return { ca, cert: pair?.cert, key: pair?.key };
}

function isSame(a: Material, b: Material): boolean {
  const parts = ({ ca, clientCa, pair }: Material) => [ca, clientCa, pair?.cert, pair?.key];
  const others = parts(b);
  return parts(a).every((part, at) => areEqual(part, others[at]));
}

function areEqual(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return Buffer.compare(a, b) === 0;
}
