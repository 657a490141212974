// JSON files with a checksum in them: a flipped bit in an identifier or a number is still JSON, and a
// database must not take it for what was written (P9). A file without one, made by hand, is read.
import { PaminaError, crc32 } from '@pamina/format';

type Fields = Readonly<Record<string, unknown>>;

const checksumField = 'checksum';

/** The text of a file; `value` has no field `checksum` and none that is undefined. */
export function printChecked(value: object): Uint8Array {
  const text = JSON.stringify({ ...value, [checksumField]: checksumOf(value) }, null, 2);
  return new TextEncoder().encode(`${text}\n`);
}

/** The fields as they stand, the checksum among them. CONTROL_INVALID if it is no JSON object. */
export function parseFields(bytes: Uint8Array, path: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw controlInvalid(path, 'it is not JSON', cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw controlInvalid(path, 'it is not an object');
  }
  return value as Fields;
}

/** The fields that were printed, once the version is known to be one of these. CONTROL_INVALID. */
export function verified(fields: Fields, path: string): Fields {
  const { [checksumField]: checksum, ...rest } = fields;
  if (checksum !== undefined && checksum !== checksumOf(rest)) {
    throw controlInvalid(path, 'its checksum is wrong: it was damaged, or changed by hand');
  }
  return rest;
}

export function controlInvalid(path: string, what: string, cause?: unknown): PaminaError {
  return new PaminaError('CONTROL_INVALID', `${path}: ${what}`, { cause, context: { file: path } });
}

/** Of the fields in the order in which they stand. */
function checksumOf(value: object): string {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  return crc32(bytes).toString(16).padStart(8, '0');
}
