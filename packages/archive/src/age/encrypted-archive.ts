// An archive whose objects are files of age: encrypted before they leave, so that the storage sees names
// and sizes alone. Any object can be opened by hand: `age --decrypt -i key.txt OBJECT`.
import { PaminaError, isPaminaError } from '@pamina/format';
import type { Decrypter, Encrypter } from 'age-encryption';
import type { Clock, Disk } from '@pamina/env';
import type { Archive, ArchiveCall, ArchiveObject, PutOutcome } from '../archive.js';
import { isSame, readRange } from '../collect.js';
import { encryptInSteps } from '../in-steps.js';
import { objectDamaged } from '../object-errors.js';
import { isReplaceable, requireReplaceable, requireWritable } from '../object-name.js';
import { decrypterFrom, encrypterFor } from './age-keys.js';
import {
  chunkBytes,
  headerLength,
  openChunk,
  payloadKey,
  payloadNonceBytes,
  plainBytesOf,
  sealedChunkBytes,
} from './age-layout.js';
import { readStamp, stampOf } from './recipients-stamp.js';

export interface EncryptionOptions {
  /** Public keys, `age1…`; none, with an identity file, for who only reads. */
  readonly recipients: readonly string[];
  /**
   * A file with the identity of one of them. Needed to read; and to write, where an object is there
   * already: only so can it be compared.
   */
  readonly identityFile?: string | undefined;
}

interface OpenedObject {
  /** Header and nonce: where the first chunk begins. */
  readonly start: number;
  readonly sealedBytes: number;
  readonly plainBytes: number;
  readonly key: Uint8Array;
}

const headerBytesMin = 8 * 1024;
const headerBytesMax = 256 * 1024;
const openedMax = 64;

/** ARCHIVE_KEY_INVALID. */
export async function encryptedArchive(
  archive: Archive,
  env: { readonly disk: Disk; readonly clock: Clock },
  options: EncryptionOptions,
): Promise<Archive> {
  const { identityFile, recipients } = options;
  const isReader = recipients.length === 0 && identityFile !== undefined;
  const encrypter = isReader ? null : encrypterFor(recipients);
  const decrypter = identityFile === undefined ? null : await decrypterFrom(env.disk, identityFile);
  const recipientsId = isReader ? null : stampOf(recipients).id;
  return new EncryptedArchive(archive, env.clock, { encrypter, decrypter, recipientsId });
}

interface Keys {
  readonly encrypter: Encrypter | null;
  readonly decrypter: Decrypter | null;
  readonly recipientsId: string | null;
}

class EncryptedArchive implements Archive {
  readonly isEncrypted = true;
  readonly recipientsId: string | null;
  readonly #archive: Archive;
  readonly #clock: Clock;
  readonly #encrypter: Encrypter | null;
  readonly #decrypter: Decrypter | null;
  /** What it took to open the last few objects, so that a second range of one costs no more requests. */
  readonly #opened = new Map<string, OpenedObject>();

  constructor(archive: Archive, clock: Clock, { decrypter, encrypter, recipientsId }: Keys) {
    this.#archive = archive;
    this.#clock = clock;
    this.#encrypter = encrypter;
    this.#decrypter = decrypter;
    this.recipientsId = recipientsId;
  }

  describe(): string {
    return this.#archive.describe();
  }

  async putIfAbsent(name: string, bytes: Uint8Array, call?: ArchiveCall): Promise<PutOutcome> {
    requireWritable(name, bytes);
    this.#opened.delete(name);
    try {
      return await this.#archive.putIfAbsent(name, await this.#encrypt(bytes), call);
    } catch (error) {
      // No two encryptions are alike: what is inside decides.
      if (!isPaminaError(error, 'ARCHIVE_CONFLICT') || this.#decrypter === null) throw error;
      if (await isSame(this.getRange(name, 0, null, call), bytes)) return 'same';
      throw error;
    }
  }

  async replace(name: string, bytes: Uint8Array, call?: ArchiveCall): Promise<void> {
    requireReplaceable(name, bytes);
    await this.#archive.replace(name, await this.#encrypt(bytes), call);
  }

  async *getRange(
    name: string,
    offset: number,
    length: number | null,
    call?: ArchiveCall,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    // Another one may be there at the next request: it is read in one.
    if (isReplaceable(name)) return yield* this.#readReplaceable(name, offset, length, call);
    const object = await this.#open(name, call);
    if (object === null) throw missingIdentity(this.describe(), name);
    const end = Math.min(object.plainBytes, length === null ? Infinity : offset + length);
    // An empty object still has a chunk that proves it.
    if (offset >= end && object.plainBytes > 0) return;
    const first = Math.floor(offset / chunkBytes);
    const last = Math.max(first, Math.ceil(end / chunkBytes) - 1);
    let index = first;
    for await (const sealed of this.#sealedChunks(name, object, first, last, call)) {
      const isLast = (index + 1) * sealedChunkBytes >= object.sealedBytes;
      const plain = openChunk(object.key, index, isLast, sealed);
      if (plain === null) {
        const what = `its bytes from ${index * chunkBytes} on are not what was encrypted`;
        throw objectDamaged(this.describe(), name, what);
      }
      const at = index * chunkBytes;
      const wanted = plain.subarray(Math.max(0, offset - at), Math.max(0, end - at));
      if (wanted.length > 0) yield wanted;
      index++;
    }
  }

  async size(name: string, call?: ArchiveCall): Promise<number | null> {
    const stored = await this.#archive.size(name, call);
    if (stored === null) return null;
    const start = await this.#header(name, call);
    const plainBytes = plainBytesOf(stored - start.length - payloadNonceBytes);
    if (plainBytes === null) throw objectDamaged(this.describe(), name, 'it is cut off');
    return plainBytes;
  }

  async isForRecipients(name: string, call?: ArchiveCall): Promise<boolean> {
    try {
      return readStamp(await this.#header(name, call))?.id === this.recipientsId;
    } catch (error) {
      const isUnknown =
        isPaminaError(error, 'ARCHIVE_OBJECT_NOT_FOUND') || isPaminaError(error, 'ARCHIVE_DAMAGED');
      if (isUnknown) return false;
      throw error;
    }
  }

  list(prefix: string, call?: ArchiveCall): Promise<ArchiveObject[]> {
    return this.#archive.list(prefix, call);
  }

  get watch(): Archive['watch'] {
    return this.#archive.watch?.bind(this.#archive);
  }

  delete(name: string, call?: ArchiveCall): Promise<void> {
    this.#opened.delete(name);
    return this.#archive.delete(name, call);
  }

  #encrypt(bytes: Uint8Array): Promise<Uint8Array> {
    if (this.#encrypter !== null) return encryptInSteps(this.#encrypter, bytes, this.#clock);
    const message = `${this.describe()} is encrypted, and no recipients are given to write with`;
    throw new PaminaError('ARCHIVE_KEY_INVALID', message);
  }

  /** null without an identity. */
  async #open(name: string, call?: ArchiveCall): Promise<OpenedObject | null> {
    if (this.#decrypter === null) return null;
    const known = this.#opened.get(name);
    if (known !== undefined) return known;
    const stored = await this.#archive.size(name, call);
    const header = await this.#header(name, call);
    const start = header.length + payloadNonceBytes;
    const sealedBytes = (stored ?? 0) - start;
    const plainBytes = plainBytesOf(sealedBytes);
    if (plainBytes === null) throw objectDamaged(this.describe(), name, 'it is cut off');
    const range = { offset: header.length, length: payloadNonceBytes, bytesMax: payloadNonceBytes };
    const nonce = await readRange(this.#archive, name, range, call);
    const key = payloadKey(await this.#fileKey(name, header), nonce);
    const opened = { start, sealedBytes, plainBytes, key };
    const [oldest] = this.#opened.keys();
    if (this.#opened.size >= openedMax && oldest !== undefined) this.#opened.delete(oldest);
    this.#opened.set(name, opened);
    return opened;
  }

  async *#readReplaceable(
    name: string,
    offset: number,
    length: number | null,
    call?: ArchiveCall,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.#decrypter === null) throw missingIdentity(this.describe(), name);
    const bytesMax = headerBytesMax + payloadNonceBytes + sealedChunkBytes;
    const file = await readRange(this.#archive, name, { offset: 0, length: null, bytesMax }, call);
    const headerBytes = headerLength(file) ?? file.length;
    const start = headerBytes + payloadNonceBytes;
    if (file.length <= start || file.length > start + sealedChunkBytes) {
      throw objectDamaged(this.describe(), name, 'it is not a small file of age');
    }
    const fileKey = await this.#fileKey(name, file.slice(0, headerBytes));
    const key = payloadKey(fileKey, file.slice(headerBytes, start));
    const plain = openChunk(key, 0, true, file.subarray(start));
    if (plain === null) {
      throw objectDamaged(this.describe(), name, 'its bytes are not what was encrypted');
    }
    const wanted = plain.subarray(offset, length === null ? plain.length : offset + length);
    if (wanted.length > 0) yield wanted;
  }

  async #fileKey(name: string, header: Uint8Array): Promise<Uint8Array> {
    try {
      return await (this.#decrypter as Decrypter).decryptHeader(header);
    } catch (cause) {
      throw notForIdentity(this.describe(), name, readStamp(header)?.shown ?? [], cause);
    }
  }

  async #header(name: string, call?: ArchiveCall): Promise<Uint8Array> {
    for (let length = headerBytesMin; length <= headerBytesMax; length *= 4) {
      const range = { offset: 0, length, bytesMax: length };
      const bytes = await readRange(this.#archive, name, range, call);
      const end = headerLength(bytes);
      if (end !== null) return bytes.slice(0, end);
      if (bytes.length < length) break;
    }
    throw objectDamaged(this.describe(), name, 'it is not a file of age');
  }

  /** Chunks as they are stored, each whole. */
  async *#sealedChunks(
    name: string,
    object: OpenedObject,
    first: number,
    last: number,
    call?: ArchiveCall,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const from = first * sealedChunkBytes;
    const to = Math.min(object.sealedBytes, (last + 1) * sealedChunkBytes);
    const pieces = this.#archive.getRange(name, object.start + from, to - from, call);
    let chunk = new Uint8Array(Math.min(sealedChunkBytes, to - from));
    let held = 0;
    let done = 0;
    for await (const piece of pieces) {
      for (let at = 0; at < piece.length;) {
        const taken = piece.subarray(at, at + chunk.length - held);
        chunk.set(taken, held);
        held += taken.length;
        at += taken.length;
        if (held < chunk.length) continue;
        yield chunk;
        done += held;
        held = 0;
        chunk = new Uint8Array(Math.min(sealedChunkBytes, to - from - done));
        if (chunk.length === 0) return;
      }
    }
    throw objectDamaged(this.describe(), name, 'it is cut off');
  }
}

function notForIdentity(
  where: string,
  name: string,
  recipients: readonly string[],
  cause: unknown,
): PaminaError {
  const context = { archive: where, object: name, recipients };
  const start = `${where}, object ${name}: the identity does not open it`;
  if (recipients.length === 0) {
    return new PaminaError('ARCHIVE_KEY_INVALID', start, { cause, context });
  }
  const whom = recipients.map((one) => `${one}…`).join(', ');
  return new PaminaError('ARCHIVE_KEY_INVALID', `${start}: it is encrypted for ${whom}`, {
    cause,
    context,
    hint: `Give an identity file with the secret key of ${whom}; it may hold several, one a line.`,
  });
}

function missingIdentity(where: string, name: string): PaminaError {
  const message = `${where} is encrypted, and no identity file is given to read ${name} with`;
  return new PaminaError('ARCHIVE_KEY_INVALID', message, {
    context: { archive: where, object: name },
  });
}
