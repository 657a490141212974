// The one error class. What a code means, what a process exits with and what to do next come from
// the table in errors.ts; the particulars are in the message and in `context`.
import { errorTable, type ErrorCode } from './errors.js';

export interface PaminaErrorOptions {
  readonly cause?: unknown;
  /** Operation, path, position…: fields for programs, values that JSON can carry. */
  readonly context?: Readonly<Record<string, unknown>> | undefined;
  /** Replaces the table's hint where the particulars allow a better one. */
  readonly hint?: string | undefined;
}

export interface PaminaErrorJson {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly context: Readonly<Record<string, unknown>>;
}

const foreignTextLengthMax = 4096;

export class PaminaError extends Error {
  override readonly name = 'PaminaError';
  readonly code: ErrorCode;
  /** What to do next. */
  readonly hint: string;
  readonly exitStatus: number;
  readonly httpStatus: number;
  /** The same call may succeed later without a change. */
  readonly retryable: boolean;
  readonly context: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: PaminaErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    const row = errorTable[code];
    this.code = code;
    this.hint = options.hint ?? row.hint;
    this.exitStatus = row.exitStatus;
    this.httpStatus = row.httpStatus;
    this.retryable = row.retryable;
    this.context = options.context ?? {};
  }

  /** `CODE: what happened. what to do` */
  override toString(): string {
    return `${this.code}: ${this.message.replace(/[.\s]+$/, '')}. ${this.hint}`;
  }

  toJSON(): PaminaErrorJson {
    const context = Object.fromEntries(
      Object.entries(this.context).map(([name, value]) => [name, plain(value)]),
    );
    return { code: this.code, message: this.message, hint: this.hint, context };
  }

  /** From what another process sent: anything is accepted, nothing in it is trusted. */
  static fromJSON(value: unknown): PaminaError {
    const fields = isObject(value) ? value : {};
    const code = text(fields['code']);
    const message = text(fields['message']) ?? 'the other side failed and did not say why';
    const hint = text(fields['hint']);
    const context = isObject(fields['context']) ? fields['context'] : {};
    if (code !== undefined && Object.hasOwn(errorTable, code)) {
      return new PaminaError(code as ErrorCode, message, { context, hint });
    }
    // A newer version may know codes that this one does not.
    const foreign = code === undefined ? message : `${code}: ${message}`;
    return new PaminaError('INTERNAL', foreign, { context, hint });
  }
}

export function isPaminaError(error: unknown, code?: ErrorCode): error is PaminaError {
  return error instanceof PaminaError && (code === undefined || error.code === code);
}

/** What LevelDB says of its own files: the disk's doing, no fault in the program. */
const levelCodes: ReadonlyMap<unknown, ErrorCode> = new Map([
  ['LEVEL_CORRUPTION', 'STORE_DAMAGED'],
  ['LEVEL_IO_ERROR', 'STORE_ERROR'],
]);

/**
 * Anything thrown, as a PaminaError: itself, ABORTED or TIMEOUT for those of signals, STORE_DAMAGED
 * or STORE_ERROR for LevelDB's, INTERNAL.
 */
export function toPaminaError(error: unknown): PaminaError {
  if (error instanceof PaminaError) return error;
  if (!(error instanceof Error)) {
    const thrown = typeof error === 'string' ? error : typeof error;
    return new PaminaError('INTERNAL', `something that is no error was thrown: ${thrown}`);
  }
  if (error.name === 'AbortError') return new PaminaError('ABORTED', 'aborted', { cause: error });
  if (error.name === 'TimeoutError') {
    return new PaminaError('TIMEOUT', 'the time limit passed', { cause: error });
  }
  const code = levelCodes.get((error as { code?: unknown }).code);
  if (code !== undefined) {
    return new PaminaError(code, `LevelDB says: ${error.message}`, { cause: error });
  }
  return new PaminaError('INTERNAL', error.message || error.name, { cause: error });
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Error) return value.message;
  return value;
}

function text(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  // it may be printed on a terminal
  return value.slice(0, foreignTextLengthMax).replace(/\p{Cc}+/gu, ' ');
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
