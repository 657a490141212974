// An archive in S3-compatible object storage. Objects are written with `If-None-Match: *`; where a server
// ignores that, writers claim a name first and look who else did.
import { isPaminaError } from '@pamina/format';
import type { Env } from '@pamina/env';
import { formatArchiveAddress, type S3Address } from '../address.js';
import type { Archive, ArchiveCall, ArchiveObject, PutOutcome } from '../archive.js';
import { isSame } from '../collect.js';
import type { S3Credentials } from '../credentials.js';
import { digestsOf } from '../in-steps.js';
import { objectDamaged, objectTaken } from '../object-errors.js';
import {
  byName,
  isListed,
  probeName,
  requireName,
  requirePrefix,
  requireReplaceable,
  requireWritable,
} from '../object-name.js';
import { putUnderClaim, type ClaimStore } from './claim.js';
import { S3Client } from './client.js';
import { md5OfTag, readS3Range } from './read.js';
import { retryPolicyDefault, withRetry, type Retrying, type RetryPolicy } from './retry.js';
import { parseListPage, type ListedKey } from './xml.js';

export interface S3ArchiveOptions {
  readonly env: Pick<Env, 'clock' | 'network' | 'random'>;
  readonly address: S3Address;
  readonly credentials: S3Credentials;
  readonly retry?: RetryPolicy | undefined;
}

const probeBytes = new TextEncoder().encode('pamina\n');
const listBytesMax = 16 * 1024 * 1024;

export class S3Archive implements Archive {
  readonly isEncrypted = false;
  readonly recipientsId = null;
  readonly #client: S3Client;
  readonly #retrying: Retrying;
  readonly #prefix: string;
  readonly #describe: string;
  #isConditional: Promise<boolean> | null = null;

  constructor(options: S3ArchiveOptions) {
    const { address, credentials, env } = options;
    this.#describe = formatArchiveAddress(address);
    this.#prefix = address.prefix;
    this.#client = new S3Client(env, address, credentials, this.#describe);
    const policy = options.retry ?? retryPolicyDefault;
    this.#retrying = { clock: env.clock, random: env.random, policy };
  }

  describe(): string {
    return this.#describe;
  }

  isForRecipients(): Promise<boolean> {
    return Promise.resolve(true);
  }

  async putIfAbsent(name: string, bytes: Uint8Array, call?: ArchiveCall): Promise<PutOutcome> {
    requireWritable(name, bytes);
    if (await this.#heedsConditions(call)) {
      const isWritten = await this.#put(name, bytes, true, call);
      return isWritten ? 'written' : this.#compare(name, bytes, call);
    }
    return putUnderClaim(this.#claimStore(call), this.#retrying, { name, bytes, call });
  }

  async replace(name: string, bytes: Uint8Array, call?: ArchiveCall): Promise<void> {
    requireReplaceable(name, bytes);
    await this.#put(name, bytes, false, call);
  }

  getRange(
    name: string,
    offset: number,
    length: number | null,
    call?: ArchiveCall,
  ): AsyncIterable<Uint8Array> {
    return readS3Range({
      client: this.#client,
      retrying: this.#retrying,
      describe: this.#describe,
      key: this.#key(requireName(name)),
      offset,
      length,
      signal: call?.signal,
    });
  }

  async size(name: string, call?: ArchiveCall): Promise<number | null> {
    return (await this.#head(requireName(name), call))?.bytes ?? null;
  }

  async list(prefix: string, call?: ArchiveCall): Promise<ArchiveObject[]> {
    const { keys } = await this.#listKeys(requirePrefix(prefix), call);
    const objects = keys.map(({ key, ...object }) => ({
      ...object,
      name: key.slice(this.#prefix.length),
    }));
    return objects.filter(({ name }) => isListed(name)).sort(byName);
  }

  async delete(name: string, call?: ArchiveCall): Promise<void> {
    await this.#remove(requireName(name), call);
  }

  #key(name: string): string {
    return `${this.#prefix}${name}`;
  }

  /** False if the name is taken. */
  async #put(
    name: string,
    bytes: Uint8Array,
    ifAbsent: boolean,
    call?: ArchiveCall,
  ): Promise<boolean> {
    const { md5, sha256 } = await digestsOf(bytes, this.#retrying.clock);
    const headers = {
      'content-md5': md5.toString('base64'),
      ...(ifAbsent ? { 'if-none-match': '*' } : {}),
    };
    const request = { method: 'PUT', key: this.#key(name), headers, body: bytes, sha256 } as const;
    return withRetry(this.#retrying, call?.signal, async () => {
      const response = await this.#client.send({ ...request, signal: call?.signal }, [412]);
      response.cancel();
      if (response.status === 412) return false;
      const stored = md5OfTag(response.headers);
      if (stored === null || stored === md5.toString('hex')) return true;
      throw objectDamaged(this.#describe, name, 'the storage holds other bytes than were sent');
    });
  }

  /** What is there under the name, after all: the same (a retry whose first try succeeded), or another. */
  async #compare(name: string, bytes: Uint8Array, call?: ArchiveCall): Promise<PutOutcome> {
    const found = await this.#head(name, call);
    if (found?.bytes === bytes.length) {
      const { md5 } = await digestsOf(bytes, this.#retrying.clock);
      if (found.md5 === md5.toString('hex')) return 'same';
      const pieces = this.getRange(name, 0, null, call);
      if (found.md5 === null && (await isSame(pieces, bytes))) return 'same';
    }
    throw objectTaken(this.#describe, name);
  }

  async #head(
    name: string,
    call?: ArchiveCall,
  ): Promise<{ readonly bytes: number; readonly md5: string | null } | null> {
    const key = this.#key(name);
    return withRetry(this.#retrying, call?.signal, async () => {
      const request = { method: 'HEAD', key, signal: call?.signal } as const;
      const response = await this.#client.send(request, [404]);
      response.cancel();
      if (response.status === 404) return null;
      const bytes = response.headers['content-length'] ?? '';
      if (!/^\d{1,15}$/.test(bytes)) throw objectDamaged(this.#describe, name, 'it has no length');
      return { bytes: Number(bytes), md5: md5OfTag(response.headers) };
    });
  }

  async #listKeys(
    prefix: string,
    call?: ArchiveCall,
  ): Promise<{ keys: ListedKey[]; serverMs: number | null }> {
    const keys: ListedKey[] = [];
    let serverMs: number | null = null;
    for (let continuation: string | null = null; ;) {
      const query = {
        'list-type': '2',
        prefix: this.#key(prefix),
        ...(continuation === null ? {} : { 'continuation-token': continuation }),
      };
      const page = await withRetry(this.#retrying, call?.signal, async () => {
        const request = { method: 'GET', key: '', query, signal: call?.signal } as const;
        const response = await this.#client.send(request);
        const date = Date.parse(response.headers['date'] ?? '');
        serverMs = Number.isNaN(date) ? null : date;
        const parsed = parseListPage(await this.#text(response));
        if (parsed !== null) return parsed;
        throw this.#client.unavailable('its answer is no list of objects');
      });
      keys.push(...page.keys);
      if (page.continuation === null) return { keys, serverMs };
      ({ continuation } = page);
    }
  }

  async #text(response: Awaited<ReturnType<S3Client['send']>>): Promise<string> {
    try {
      return new TextDecoder().decode(await response.bytes(listBytesMax));
    } catch (cause) {
      if (!isPaminaError(cause, 'CONNECT_FAILED')) throw cause;
      throw this.#client.unavailable('the list of objects broke off', {}, cause);
    }
  }

  async #remove(name: string, call?: ArchiveCall): Promise<void> {
    await withRetry(this.#retrying, call?.signal, async () => {
      const request = { method: 'DELETE', key: this.#key(name), signal: call?.signal } as const;
      (await this.#client.send(request, [404])).cancel();
    });
  }

  /** Asked once. The probe's bytes are always the same, so a server that ignores the condition loses nothing. */
  async #heedsConditions(call?: ArchiveCall): Promise<boolean> {
    this.#isConditional ??= this.#probe();
    try {
      const isConditional = await this.#isConditional;
      call?.signal?.throwIfAborted();
      return isConditional;
    } catch (error) {
      this.#isConditional = null;
      throw error;
    }
  }

  async #probe(): Promise<boolean> {
    try {
      if (!(await this.#put(probeName, probeBytes, true))) return true;
      return !(await this.#put(probeName, probeBytes, true));
    } catch (error) {
      // A server that knows no conditions may refuse the header by name.
      if (isPaminaError(error, 'ARCHIVE_DENIED') && error.context['status'] === 501) return false;
      throw error;
    }
  }

  #claimStore(call?: ArchiveCall): ClaimStore {
    return {
      exists: async (name) => (await this.#head(name, call)) !== null,
      compare: (name, bytes) => this.#compare(name, bytes, call),
      put: async (name, bytes) => {
        await this.#put(name, bytes, false, call);
      },
      remove: (name) => this.#remove(name, call),
      claims: async (prefix) => {
        const { keys, serverMs } = await this.#listKeys(prefix, call);
        return keys.map(({ key, modifiedMs }) => ({
          name: key.slice(this.#prefix.length),
          ageMs: serverMs === null || modifiedMs === null ? 0 : serverMs - modifiedMs,
        }));
      },
    };
  }
}
