// The classes of errors: what a command exits with, and the usual HTTP status.

export interface ErrorRow {
  /** What the command exits with: the same for all codes of a class. */
  readonly exitStatus: number;
  readonly httpStatus: number;
  /** The same call may succeed later without a change. */
  readonly retryable: boolean;
  /** What to do next, as one or two sentences. */
  readonly hint: string;
}

/** Classes of errors by exit status; 0 is success, 128 and above are signals. */
export const exitStatusMeanings = {
  1: 'a fault in Pamina itself',
  2: 'the request is not valid: correct it and try again',
  3: 'what was asked for does not exist',
  4: 'not possible in the present state or for this type of database, or it exists already',
  5: 'refused: identity, permission or credential',
  6: 'data is damaged, or not of a format that this version reads',
  7: 'the disk or the file system failed or refused',
  8: 'the network failed or the other side cannot be reached',
  9: 'a limit was reached',
  10: 'ended before it was done: aborted or out of time',
  11: 'nothing was found to be wrong, but not all of what was asked could be verified',
} as const;

type ExitStatus = keyof typeof exitStatusMeanings;
type RowOf = (hint: string, httpStatus?: number, retryable?: boolean) => ErrorRow;

function classOf(exitStatus: ExitStatus, usualHttpStatus: number, usuallyRetryable = false): RowOf {
  return (hint, httpStatus = usualHttpStatus, retryable = usuallyRetryable) => ({
    exitStatus,
    httpStatus,
    retryable,
    hint,
  });
}

export const internal = classOf(1, 500);
export const usage = classOf(2, 400);
export const missing = classOf(3, 404);
export const state = classOf(4, 409);
export const refused = classOf(5, 403);
export const damaged = classOf(6, 500);
export const disk = classOf(7, 500);
export const network = classOf(8, 502, true);
export const limit = classOf(9, 413);
export const ended = classOf(10, 504, true);
export const unverified = classOf(11, 409);
