// The manifest of a backup: what it holds, at which position, and the checksum of each of its files.
// It is written last and read first; a backup without a valid one is no backup.
import { crc32 } from './checksum.js';
import { packBytes, unpackBytes } from './codec.js';
import { isUint32, viewOf } from './integers.js';
import { manifestBytesMax, manifestHeaderBytes } from './limits.js';
import { readManifestBody, writeManifestBody, type BackupManifest } from './manifest-body.js';
import { PaminaError } from './pamina-error.js';

/** The newest that is written and read. */
export const manifestFormatVersion = 2;
/** What versions before incremental and physical backups read too. */
const manifestFormatVersionPlain = 1;
/** `PAMINA`, zero, `M` */
export const manifestMagic = Uint8Array.of(0x50, 0x41, 0x4d, 0x49, 0x4e, 0x41, 0x00, 0x4d);

export const manifestOffsets = { magic: 0, version: 8, zero: 10, bodyBytes: 12, body: 16 } as const;
const checksumBytes = 4;

/** Throws MANIFEST_INVALID if the manifest would not decode again. */
export function encodeManifest(manifest: BackupManifest): Uint8Array {
  // reading it back by the decoder's own rules keeps the two from drifting apart
  const body = packBytes(writeManifestBody(readManifestBody(writeManifestBody(manifest))));
  const total = manifestHeaderBytes + body.length + checksumBytes;
  if (total > manifestBytesMax) {
    throw invalid(`it needs ${total} bytes, ${manifestBytesMax} are allowed`);
  }
  const bytes = new Uint8Array(total);
  const view = viewOf(bytes);
  bytes.set(manifestMagic, manifestOffsets.magic);
  view.setUint16(manifestOffsets.version, versionOf(manifest), true);
  view.setUint32(manifestOffsets.bodyBytes, body.length, true);
  bytes.set(body, manifestOffsets.body);
  const checksum = crc32(bytes.subarray(0, total - checksumBytes));
  view.setUint32(total - checksumBytes, checksum, true);
  return bytes;
}

/** `bytes` is the whole file. Throws MANIFEST_INVALID, FORMAT_UNKNOWN for another version. */
export function decodeManifest(bytes: Uint8Array): BackupManifest {
  if (bytes.length > manifestBytesMax) throw invalid('it is longer than allowed');
  if (bytes.length < manifestHeaderBytes + checksumBytes) throw invalid('it is cut off');
  const view = viewOf(bytes);
  if (manifestMagic.some((byte, i) => bytes[i] !== byte)) {
    throw invalid('it does not start as a manifest');
  }
  const version = view.getUint16(manifestOffsets.version, true);
  if (version < manifestFormatVersionPlain || version > manifestFormatVersion) {
    throw new PaminaError('FORMAT_UNKNOWN', `a manifest has format version ${version}`, {
      context: { version, known: manifestFormatVersion },
    });
  }
  const bodyBytes = view.getUint32(manifestOffsets.bodyBytes, true);
  const checksumAt = manifestHeaderBytes + bodyBytes;
  if (!isUint32(checksumAt) || checksumAt + checksumBytes !== bytes.length) {
    throw invalid('its length is not what it says');
  }
  if (view.getUint32(checksumAt, true) !== crc32(bytes.subarray(0, checksumAt))) {
    throw invalid('its checksum is wrong');
  }
  if (view.getUint16(manifestOffsets.zero, true) !== 0)
    throw invalid('reserved bytes are not zero');
  const body = bytes.subarray(manifestOffsets.body, checksumAt);
  return readManifestBody(unpackBytes(body, 'MANIFEST_INVALID'));
}

/** As old as it can be: a full backup without anything new stays readable for older versions. */
function versionOf({ codec, form, kind }: BackupManifest): number {
  const isPlain = kind !== 'incremental' && form === 'logical' && codec !== 'lz4';
  return isPlain ? manifestFormatVersionPlain : manifestFormatVersion;
}

function invalid(what: string): PaminaError {
  return new PaminaError('MANIFEST_INVALID', `the manifest is not valid: ${what}`);
}
