// Opens an archive by its address. A marker object says what the archive is, above all whether it is
// encrypted: nobody writes plainly into an encrypted archive, nor the other way round.
import { PaminaError } from '@pamina/format';
import type { Env } from '@pamina/env';
import type { EncryptionOptions } from './age/encrypted-archive.js';
import { parseArchiveAddress } from './address.js';
import type { Archive, ArchiveCall } from './archive.js';
import { readObject } from './collect.js';
import { readS3Credentials, type Environment } from './credentials.js';
import { FolderArchive } from './folder-archive.js';
import { markerName } from './object-name.js';
import type { RetryPolicy } from './s3/retry.js';
import { S3Archive } from './s3/s3-archive.js';

export interface OpenArchiveOptions extends ArchiveCall {
  readonly env: Env;
  readonly address: string;
  /** Environment variables: where credentials may stand. */
  readonly environment: Environment;
  readonly credentialsFile?: string | undefined;
  /** Null for an archive that is not encrypted. */
  readonly encryption: EncryptionOptions | null;
  /** Makes the place an archive if it is none yet; else it must be one (ARCHIVE_NOT_FOUND). */
  readonly create: boolean;
  readonly retry?: RetryPolicy | undefined;
}

const markerBytesMax = 4096;
const encryptionNames = { age: 'age', none: 'none' } as const;
type EncryptionName = keyof typeof encryptionNames;

/** ARCHIVE_NOT_FOUND, ARCHIVE_ENCRYPTION, ARCHIVE_CREDENTIALS_MISSING, ARCHIVE_KEY_INVALID, FORMAT_UNKNOWN. */
export async function openArchive(options: OpenArchiveOptions): Promise<Archive> {
  const { encryption, env } = options;
  const plain = await storageAt(options);
  // Before anything is written: keys that are not valid must leave no marker.
  const archive = encryption === null ? plain : await encrypted(plain, env, encryption);
  await requireMarker(plain, encryption === null ? 'none' : 'age', options);
  return archive;
}

/** Loaded by who encrypts: its curves would take every command a sixth of the time that it needs to start. */
async function encrypted(plain: Archive, env: Env, options: EncryptionOptions): Promise<Archive> {
  const { encryptedArchive } = await import('./age/encrypted-archive.js');
  return encryptedArchive(plain, env, options);
}

async function storageAt(options: OpenArchiveOptions): Promise<Archive> {
  const { credentialsFile, env, environment, retry } = options;
  const address = parseArchiveAddress(options.address);
  if (address.kind === 'folder') return new FolderArchive(env, address.path);
  const credentials = await readS3Credentials(env.disk, { environment, file: credentialsFile });
  return new S3Archive({ env, address, credentials, retry });
}

async function requireMarker(
  archive: Archive,
  wanted: EncryptionName,
  options: OpenArchiveOptions,
): Promise<void> {
  const call = { signal: options.signal };
  if ((await archive.size(markerName, call)) === null) {
    if (!options.create) {
      throw new PaminaError('ARCHIVE_NOT_FOUND', `${archive.describe()} is no archive`, {
        context: { archive: archive.describe() },
      });
    }
    await refuseForeign(archive, call);
    const text = `${JSON.stringify({ pamina: 'archive', formatVersion: 1, encryption: wanted })}\n`;
    await archive.putIfAbsent(markerName, new TextEncoder().encode(text), call);
  }
  const found = parseMarker(archive, await readObject(archive, markerName, markerBytesMax, call));
  if (found === wanted) return;
  const message =
    found === 'age'
      ? `${archive.describe()} is encrypted, and no keys are given`
      : `${archive.describe()} is not encrypted, and keys are given`;
  throw new PaminaError('ARCHIVE_ENCRYPTION', message, {
    context: { archive: archive.describe() },
  });
}

/** Objects without a marker: a marker that was lost must not turn encryption off. */
async function refuseForeign(archive: Archive, call: ArchiveCall): Promise<void> {
  const [found] = await archive.list('', call);
  if (found === undefined) return;
  const message = `${archive.describe()} holds other objects (${found.name}) and no marker of an archive`;
  throw new PaminaError('ARCHIVE_CONFLICT', message, {
    context: { archive: archive.describe(), object: found.name },
    hint: 'Choose an empty folder or prefix for an archive.',
  });
}

function parseMarker(archive: Archive, bytes: Uint8Array): EncryptionName {
  const fields = parseFields(bytes);
  const encryption = fields['encryption'];
  const isKnown = encryption === 'age' || encryption === 'none';
  if (fields['pamina'] === 'archive' && fields['formatVersion'] === 1 && isKnown) return encryption;
  const message = `${archive.describe()}: the marker ${markerName} is of another version, or damaged`;
  throw new PaminaError('FORMAT_UNKNOWN', message, { context: { archive: archive.describe() } });
}

function parseFields(bytes: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}
