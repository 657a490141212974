// Errors as the real store gives them: a code of its own, LevelDB's words.

import { isPaminaError } from '@pamina/format';

type StoreCode = 'LEVEL_CORRUPTION' | 'LEVEL_IO_ERROR' | 'LEVEL_LOCKED';

export class StoreFailure extends Error {
  readonly code: StoreCode;

  constructor(code: StoreCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.code = code;
  }
}

export function corruption(message: string, folder: string): StoreFailure {
  return new StoreFailure('LEVEL_CORRUPTION', `Corruption: ${message}: ${folder}`);
}

/** Has no code, there as here. */
export function invalidArgument(message: string, folder: string): Error {
  return new Error(`Invalid argument: ${folder}: ${message}`);
}

/** What the disk says, in the store's words. */
export function storeErrorOf(error: unknown): unknown {
  if (!isPaminaError(error)) return error;
  const reason = error.code === 'DISK_FULL' ? 'No space left on device' : 'Input/output error';
  const path = String(error.context['path']);
  return new StoreFailure('LEVEL_IO_ERROR', `IO error: ${path}: ${reason}`, error);
}
