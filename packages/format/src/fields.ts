// Reads fields of a decoded document one by one and refuses what does not fit, so that no decoder
// trusts a shape. Fields that are not asked for are ignored: a newer writer may add some.
import { isCount, isUint32 } from './integers.js';
import { isHex } from './hex.js';
import type { ErrorCode } from './errors.js';
import { PaminaError } from './pamina-error.js';

// Texts from outside are shown on terminals and in logs.
const printable = /^\P{Cc}*$/u;

export class FieldReader {
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #code: ErrorCode;
  readonly #what: string;

  /** `what` names the document in errors, e.g. `the manifest`. Throws `code` if it is no object. */
  constructor(value: unknown, code: ErrorCode, what: string) {
    this.#code = code;
    this.#what = what;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new PaminaError(code, `${what} is not an object`);
    }
    this.#fields = value as Record<string, unknown>;
  }

  raw(name: string): unknown {
    return Object.hasOwn(this.#fields, name) ? this.#fields[name] : undefined;
  }

  isNull(name: string): boolean {
    return this.raw(name) === null;
  }

  /** At most `lengthMax` characters that match `pattern`; by default no control characters. */
  text(name: string, lengthMax: number, pattern = printable): string {
    const value = this.raw(name);
    const fits = typeof value === 'string' && value.length <= lengthMax && pattern.test(value);
    if (!fits) throw this.invalid(name);
    return value;
  }

  /** One of the given texts. */
  choice<T extends string>(name: string, choices: readonly T[]): T {
    const value = this.raw(name);
    const found = choices.find((choice) => choice === value);
    if (found === undefined) throw this.invalid(name);
    return found;
  }

  /** Exactly `length` lowercase hex digits. */
  hex(name: string, length: number): string {
    const value = this.raw(name);
    if (!isHex(value, length)) throw this.invalid(name);
    return value;
  }

  /** An integer from `min` to 2^53 - 1. */
  count(name: string, min = 0): number {
    const value = this.raw(name);
    if (!isCount(value) || value < min) throw this.invalid(name);
    return value;
  }

  /** An integer from `min` to 2^32 - 1. */
  uint32(name: string, min = 0): number {
    const value = this.raw(name);
    if (!isUint32(value) || value < min) throw this.invalid(name);
    return value;
  }

  flag(name: string): boolean {
    const value = this.raw(name);
    if (typeof value !== 'boolean') throw this.invalid(name);
    return value;
  }

  list(name: string, lengthMax: number): readonly unknown[] {
    const value = this.raw(name);
    if (!Array.isArray(value) || value.length > lengthMax) throw this.invalid(name);
    return value;
  }

  bytes(name: string, bytesMax: number): Uint8Array {
    const value = this.raw(name);
    if (!(value instanceof Uint8Array) || value.length > bytesMax) throw this.invalid(name);
    return value;
  }

  /** The error for a field whose value does not fit, for checks that are made outside. */
  invalid(name: string): PaminaError {
    const problem = this.raw(name) === undefined ? 'is missing' : 'has a value that is not allowed';
    return new PaminaError(this.#code, `${this.#what}: the field ${name} ${problem}`, {
      context: { field: name },
    });
  }
}
