// Turns what the operating system says into the codes of the error table.

import { PaminaError, isPaminaError } from '@pamina/format';

const codes = {
  ENOSPC: 'DISK_FULL',
  EDQUOT: 'DISK_FULL',
  EACCES: 'ACCESS_DENIED',
  EPERM: 'ACCESS_DENIED',
  EROFS: 'ACCESS_DENIED',
  ENOENT: 'FILE_NOT_FOUND',
  EEXIST: 'FILE_EXISTS',
} as const;

/** The system's code (`ENOENT`), or an empty text for another kind of error. */
export function systemCode(error: unknown): string {
  if (!(error instanceof Error)) return '';
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === 'string' ? code : '';
}

export function diskError(error: unknown, operation: string, path: string): PaminaError {
  if (isPaminaError(error)) return error;
  const code = systemCode(error);
  const known = Object.hasOwn(codes, code) ? codes[code as keyof typeof codes] : 'DISK_ERROR';
  const detail = error instanceof Error ? error.message : String(error);
  return new PaminaError(known, `cannot ${operation} ${path} (${detail})`, {
    cause: error,
    context: { operation, path },
  });
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
