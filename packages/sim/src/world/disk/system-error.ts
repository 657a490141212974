// What the simulated system calls throw, and how the seam to the disk tells it.

import { PaminaError, isPaminaError } from '@pamina/format';

export type SystemCode =
  | 'EACCES'
  | 'EBADF'
  | 'EEXIST'
  | 'EIO'
  | 'EISDIR'
  | 'ENOENT'
  | 'ENOSPC'
  | 'ENOTDIR'
  | 'ENOTEMPTY';

const known: Partial<
  Record<SystemCode, 'ACCESS_DENIED' | 'DISK_FULL' | 'FILE_EXISTS' | 'FILE_NOT_FOUND'>
> = {
  EACCES: 'ACCESS_DENIED',
  EEXIST: 'FILE_EXISTS',
  ENOENT: 'FILE_NOT_FOUND',
  ENOSPC: 'DISK_FULL',
};

export class SystemError extends Error {
  readonly code: SystemCode;

  constructor(code: SystemCode) {
    super(code);
    this.code = code;
  }
}

/** Awaits one step on a path and names both in its error. */
export async function attempt<T>(
  operation: string,
  path: string,
  step: () => Promise<T>,
): Promise<T> {
  try {
    return await step();
  } catch (error) {
    throw diskError(error, operation, path);
  }
}

function diskError(error: unknown, operation: string, path: string): unknown {
  if (isPaminaError(error) || !(error instanceof SystemError)) return error;
  const code = known[error.code] ?? 'DISK_ERROR';
  return new PaminaError(code, `cannot ${operation} ${path} (${error.code}, simulated)`, {
    cause: error,
    context: { operation, path },
  });
}
