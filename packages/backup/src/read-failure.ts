// A backup that could not be read because the disk failed, or a right is missing, is not a bad one: nothing was
// learned of it. What is refused for want of it is refused with that failure, since the same call may succeed
// when the disk is mended (P9).
import { PaminaError } from '@pamina/format';

/** One that is there, and why nothing is known of it. */
export interface UnreadBackup {
  readonly id: string;
  readonly problem: PaminaError;
}

/** Of the machine, not of what is stored. */
const failureCodes: ReadonlySet<string> = new Set(['ACCESS_DENIED', 'DISK_ERROR']);

export function isReadFailure(problem: PaminaError | null): problem is PaminaError {
  return problem !== null && failureCodes.has(problem.code);
}

export function unreadIn(
  listed: readonly { readonly id: string; readonly problem: PaminaError | null }[],
): UnreadBackup[] {
  return listed.flatMap(({ id, problem }) => (isReadFailure(problem) ? [{ id, problem }] : []));
}

/** `refusal` as it is; where backups were not read, the failure of the first of them, or of the one that was named. */
export function unlessUnread(
  refusal: PaminaError,
  unread: readonly UnreadBackup[],
  named?: string,
): PaminaError {
  const first = unread.find(({ id }) => id === named) ?? unread[0];
  if (first === undefined) return refusal;
  const { id, problem } = first;
  const message = `backup ${id} could not be read: ${problem.message}; without it: ${refusal.message}`;
  return new PaminaError(problem.code, message, {
    cause: problem,
    context: { ...refusal.context, ...problem.context, backup: id },
  });
}
