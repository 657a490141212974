// What packBytes accepts. Checked before msgpackr sees it, because msgpackr writes lists for sets,
// pool memory for some typed arrays, and types that scanDocument would refuse at the other end.
import { documentDepthMax, documentValuesMax } from './limits.js';

/** Throws TypeError, with the path, for a value that would not come back as it is. */
export function requirePlain(value: unknown): void {
  const budget = { values: documentValuesMax };
  visit(value, 'the value', 0, budget);
}

function visit(value: unknown, path: string, depth: number, budget: { values: number }): void {
  if (--budget.values < 0) throw new TypeError('the value holds too many values to be encoded');
  switch (typeof value) {
    case 'boolean':
    case 'number':
    case 'string':
      return;
    case 'object':
      break;
    default:
      throw new TypeError(`${path} is of type ${typeof value}, which cannot be encoded`);
  }
  if (value === null || value instanceof Uint8Array) return;
  if (depth >= documentDepthMax) throw new TypeError('the value is nested too deeply');
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) visit(value[i], `${path}[${i}]`, depth + 1, budget);
    return;
  }
  if (!isPlainObject(value)) throw new TypeError(`${path} is not a plain object or a list`);
  for (const [name, field] of Object.entries(value)) {
    if (name === '__proto__') throw new TypeError(`${path} has a field __proto__`);
    if (--budget.values < 0) throw new TypeError('the value holds too many values to be encoded');
    if (field !== undefined) visit(field, `${path}.${name}`, depth + 1, budget);
  }
}

function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
