// What every list of files in a manifest says of each of them, read and checked.
import type { FieldReader } from './fields.js';
import { bytesToHex } from './hex.js';
import { fileNameLengthMax } from './limits.js';

const fileNamePattern = /^[0-9a-z][0-9a-z.-]*$/;
const sha256Length = 64;

/** A plain name: nothing that could lead out of the backup's folder or hide in it. */
export function readFileName(fields: FieldReader): string {
  const file = fields.text('file', fileNameLengthMax, fileNamePattern);
  if (file.includes('..') || file === 'manifest') throw fields.invalid('file');
  return file;
}

/** 64 lowercase hex digits, from the field `sha256`. */
export function readSha256(fields: FieldReader): string {
  const hash = fields.bytes('sha256', sha256Length / 2);
  if (hash.length !== sha256Length / 2) throw fields.invalid('sha256');
  return bytesToHex(hash);
}
