// How transactions and values are named in what a check says.
import { formatPosition } from '@pamina/format';
import type { Transaction, Value } from './history.js';

const elementsShownMax = 12;

export function named({ id, process, place, isolation, outcome, position }: Transaction): string {
  const where = place === 'master' ? '' : ` on ${place}`;
  const end = position === null ? outcome : formatPosition(position);
  return `T${id} (${process}${where}, ${isolation}, ${end})`;
}

export function valueText(value: Value): string {
  if (value === null) return 'nothing';
  if (typeof value === 'string') return value;
  const hidden = value.length - elementsShownMax;
  const shown = value.slice(-elementsShownMax).join(' ');
  return hidden > 0 ? `[… ${hidden} more, ${shown}]` : `[${shown}]`;
}
