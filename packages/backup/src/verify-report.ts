// What a verification says: one check after the other, each with a verdict of its own, and one verdict
// over all of them. What could not be verified is not called good (P9).
import { isPaminaError, type ErrorCode, type PaminaError } from '@pamina/format';
import type { StateDifference } from './compare-states.js';
import { isDamage } from './walk-log.js';

/** `unverified`: nothing was found to be wrong, and it was not proved to be right. */
export type Verdict = 'verified' | 'damaged' | 'unverified';

export type CheckKind =
  /** Every file of a backup against its manifest. */
  | 'files'
  /** The log from a backup to the target, without a gap. */
  | 'chain'
  /** A restore to a scratch place, read back and compared. */
  | 'restore'
  /** The files of LevelDB, every block of them. */
  | 'tables'
  /** Every segment of a database's log. */
  | 'log'
  /** What LevelDB gives back, against backup and log at the same position. */
  | 'content';

export interface VerifyCheck {
  readonly check: CheckKind;
  /** Id of a backup, or a path. */
  readonly subject: string;
  readonly verdict: Verdict;
  /** In plain words. */
  readonly message: string;
  /** Why it is not verified. */
  readonly code: ErrorCode | null;
  /** Every damage that was found, up to `problemsMax`; more are only counted. */
  readonly problems: readonly string[];
  readonly problemCount: number;
  /** The first keys that differ; of `content` alone. */
  readonly differences: readonly StateDifference[];
  /** Bytes that were read. */
  readonly bytes: number;
  /** When it was verified, ms since 1970, if that was remembered and not done again. */
  readonly rememberedAt: number | null;
}

const problemsMax = 20;

/** One damage outweighs everything; nothing checked is nothing verified. */
export function verdictOf(checks: readonly Pick<VerifyCheck, 'verdict'>[]): Verdict {
  if (checks.some(({ verdict }) => verdict === 'damaged')) return 'damaged';
  const isVerified = checks.length > 0 && checks.every(({ verdict }) => verdict === 'verified');
  return isVerified ? 'verified' : 'unverified';
}

type Subject = Pick<VerifyCheck, 'check' | 'subject'>;

export function verifiedCheck(
  subject: Subject,
  message: string,
  more: Partial<Pick<VerifyCheck, 'bytes' | 'rememberedAt'>> = {},
): VerifyCheck {
  return {
    ...subject,
    verdict: 'verified',
    message,
    code: null,
    problems: [],
    problemCount: 0,
    differences: [],
    bytes: 0,
    rememberedAt: null,
    ...more,
  };
}

/** Of one error or several; they are damage, or the reason why nothing could be verified. */
export function failedCheck(
  subject: Subject,
  errors: readonly PaminaError[],
  more: Partial<Pick<VerifyCheck, 'bytes' | 'differences' | 'message'>> = {},
): VerifyCheck {
  const [first] = errors;
  const damage = errors.find(isDamage);
  return {
    ...subject,
    verdict: damage === undefined ? 'unverified' : 'damaged',
    message: (damage ?? first)?.message ?? 'it was not verified',
    code: (damage ?? first)?.code ?? null,
    problems: errors.slice(0, problemsMax).map(({ message }) => message),
    problemCount: errors.length,
    differences: [],
    bytes: 0,
    rememberedAt: null,
    ...more,
  };
}

/** Runs one check; an error that is no error of this program's words is passed on. */
export async function attemptCheck(
  subject: Subject,
  signal: AbortSignal | undefined,
  check: () => Promise<VerifyCheck>,
): Promise<VerifyCheck> {
  try {
    return await check();
  } catch (error) {
    signal?.throwIfAborted();
    if (!isPaminaError(error)) throw error;
    return failedCheck(subject, [error]);
  }
}
