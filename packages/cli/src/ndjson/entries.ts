// Lines of JSON objects as entries: one field gives the key, the line (or another field) the value.
import { PaminaError, valueBytesMax } from '@pamina/format';
import type { Entry } from '@pamina/wire';
import { type Line, lines } from './lines.js';

export interface ImportFields {
  /** Names the source in errors. */
  readonly where: string;
  readonly keyField: string;
  /** undefined: the JSON text of the whole line is the value. */
  readonly valueField: string | undefined;
}

/** Blank lines are passed over. IMPORT_INVALID names the line. */
export async function* importedEntries(
  source: AsyncIterable<Uint8Array>,
  fields: ImportFields,
): AsyncGenerator<Entry> {
  for await (const line of lines(source, { where: fields.where, lineBytesMax: valueBytesMax })) {
    if (line.text.trim() !== '') yield entryOf(line, fields);
  }
}

function entryOf(line: Line, fields: ImportFields): Entry {
  const invalid = (what: string, cause?: unknown): PaminaError =>
    new PaminaError('IMPORT_INVALID', `${fields.where}, line ${line.number}: ${what}`, {
      cause,
      context: { line: line.number },
    });
  let parsed: unknown;
  try {
    parsed = JSON.parse(line.text);
  } catch (cause) {
    throw invalid('not JSON', cause);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw invalid('not a JSON object');
  }
  const key = keyText(fieldOf(parsed, fields.keyField));
  if (typeof key !== 'string')
    throw invalid(`field ${JSON.stringify(fields.keyField)} ${key.wrong}`);
  if (fields.valueField === undefined) return { key, value: line.text.trim() };
  const value = fieldOf(parsed, fields.valueField);
  if (value === undefined) throw invalid(`no field ${JSON.stringify(fields.valueField)}`);
  return { key, value: typeof value === 'string' ? value : JSON.stringify(value) };
}

/** Own fields only: `constructor` is not a field of every object. */
function fieldOf(object: object, name: string): unknown {
  return Object.hasOwn(object, name) ? (object as Record<string, unknown>)[name] : undefined;
}

function keyText(value: unknown): string | { wrong: string } {
  if (value === undefined) return { wrong: 'is missing' };
  if (value === '') return { wrong: 'is empty' };
  if (typeof value === 'string') return value;
  if (typeof value !== 'number') return { wrong: 'is neither text nor a number' };
  // JSON.parse rounded it: two keys could have become one.
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
    return { wrong: 'is a number too large to be exact, write it as text' };
  }
  return String(value);
}
