// What is wrong in a file of LevelDB, and where.
import { PaminaError } from '@pamina/format';

export interface FileDamage {
  /** Path of the file. */
  readonly file: string;
  /** Where the bytes begin that do not match their checksum or the format. */
  readonly offset: number;
  /** How many; null where that cannot be told. */
  readonly bytes: number | null;
  readonly what: string;
  /** Of a block of data: the last key in it, as the store holds it, in hex; null for anything else. */
  readonly lastKey: string | null;
}

/** STORE_DAMAGED with file and offset. */
export function damageError(damage: FileDamage, cause?: unknown): PaminaError {
  const { file, offset, what } = damage;
  return new PaminaError('STORE_DAMAGED', `${file} is damaged at byte ${offset}: ${what}`, {
    cause,
    context: { ...damage },
  });
}

/** The damage that an error of damageError is about; null for any other error. */
export function damageOf(error: unknown): FileDamage | null {
  if (!(error instanceof PaminaError) || error.code !== 'STORE_DAMAGED') return null;
  const { file, offset, bytes, what, lastKey } = error.context as Partial<FileDamage>;
  if (file === undefined || offset === undefined || what === undefined) return null;
  return { file, offset, what, bytes: bytes ?? null, lastKey: lastKey ?? null };
}
