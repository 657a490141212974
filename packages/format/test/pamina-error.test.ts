import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { errorTable, type ErrorCode } from '../src/errors.js';
import { PaminaError, isPaminaError, toPaminaError } from '../src/pamina-error.js';

const codes = Object.keys(errorTable) as ErrorCode[];

describe('PaminaError', () => {
  it('P9 carries what the table says and prints code, what happened, what to do', () => {
    const error = new PaminaError('NAME_INVALID', '"a/b" is not a name.', {
      cause: new Error('inner'),
      context: { path: 'a/b' },
    });
    expect(error).toMatchObject({ ...errorTable.NAME_INVALID, context: { path: 'a/b' } });
    expect(error.cause).toBeInstanceOf(Error);
    expect(String(error)).toBe(
      `NAME_INVALID: "a/b" is not a name. ${errorTable.NAME_INVALID.hint}`,
    );
    expect(new PaminaError('TIMEOUT', 'x', { hint: 'Do this.' }).hint).toBe('Do this.');
    expect('cause' in new PaminaError('TIMEOUT', 'x')).toBe(false);
  });

  it('crosses a process border as JSON', () => {
    const fields = fc.record({
      code: fc.constantFrom(...codes),
      message: fc.stringMatching(/^[ -~äöü]{1,60}$/),
      context: fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer()), {
        noNullPrototype: true,
      }),
    });
    fc.assert(
      fc.property(fields, ({ code, message, context }) => {
        fc.pre(!Object.hasOwn(context, '__proto__'));
        const sent = new PaminaError(code, message, { context });
        const came = PaminaError.fromJSON(JSON.parse(JSON.stringify(sent)));
        expect(came.toJSON()).toEqual(sent.toJSON());
        expect(came.exitStatus).toBe(sent.exitStatus);
      }),
    );
  });

  it('puts what JSON cannot carry into words', () => {
    const context = { big: 5n, inner: new Error('why'), gone: undefined };
    const text = JSON.stringify(new PaminaError('DISK_ERROR', 'x', { context }));
    expect(JSON.parse(text)).toMatchObject({ context: { big: '5', inner: 'why' } });
  });

  it('P14 accepts anything as JSON of another process and trusts nothing in it', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        expect(PaminaError.fromJSON(value)).toBeInstanceOf(PaminaError);
      }),
    );
    for (const code of ['NOT_KNOWN_HERE', 'toString', '__proto__', 'constructor']) {
      expect(PaminaError.fromJSON({ code, message: 'm' })).toMatchObject({
        code: 'INTERNAL',
        message: `${code}: m`,
      });
    }
    const shown = PaminaError.fromJSON({ code: 'TIMEOUT', message: 'a\u001b[2Jb\nc' }).message;
    expect(shown).toBe('a [2Jb c');
    const long = PaminaError.fromJSON({ code: 'TIMEOUT', message: 'x'.repeat(100_000) });
    expect(long.message.length).toBeLessThan(5000);
  });
});

describe('toPaminaError', () => {
  it('P9 calls damage that LevelDB finds in its files damage, not a fault in Pamina', () => {
    const corruption = Object.assign(new Error('Corruption: bad entry in block'), {
      code: 'LEVEL_CORRUPTION',
    });
    expect(toPaminaError(corruption)).toMatchObject({ code: 'STORE_DAMAGED', cause: corruption });
    const io = Object.assign(new Error('IO error: read'), { code: 'LEVEL_IO_ERROR' });
    expect(toPaminaError(io)).toMatchObject({ code: 'STORE_ERROR', cause: io });
  });

  it('keeps its own, names signals, and calls the rest INTERNAL with the cause', () => {
    const own = new PaminaError('DISK_FULL', 'x');
    expect(toPaminaError(own)).toBe(own);
    const abort = AbortSignal.abort().reason as Error;
    expect(toPaminaError(abort)).toMatchObject({ code: 'ABORTED', cause: abort });
    const late = new DOMException('late', 'TimeoutError');
    expect(toPaminaError(late)).toMatchObject({ code: 'TIMEOUT' });
    const bug = new TypeError('x is not a function');
    expect(toPaminaError(bug)).toMatchObject({ code: 'INTERNAL', cause: bug });
    expect(toPaminaError('text')).toMatchObject({ code: 'INTERNAL' });
    expect(toPaminaError(null)).toMatchObject({ code: 'INTERNAL' });
    expect(toPaminaError(Object.create(null))).toMatchObject({ code: 'INTERNAL' });
  });

  it('is told from other errors, by code where one is given', () => {
    const error = new PaminaError('DISK_FULL', 'x');
    expect(isPaminaError(error)).toBe(true);
    expect(isPaminaError(error, 'DISK_FULL')).toBe(true);
    expect(isPaminaError(error, 'DISK_ERROR')).toBe(false);
    expect(isPaminaError({ code: 'DISK_FULL' }, 'DISK_FULL')).toBe(false);
  });
});
