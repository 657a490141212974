// A history as a play in lines: who does what, one thing after the other. `-` is nothing, `[a b]` a list.
//   a begin serializable        a1 and a2 are two transactions of process a
//   r begin snapshot on copy after 7
//   a r x 1 / a r! x 1          reads, `!` protected        a range p/ p/1=v p/2=w
//   a w x 2 / a + list e        writes, appends
//   a commit / a rollback / a lost
import { isolationLevels, type Isolation } from '@pamina/format';
import {
  isWrite,
  master,
  type History,
  type Operation,
  type Transaction,
  type Value,
} from '../../src/isolation/history.js';

type Draft = { -readonly [K in keyof Transaction]: Transaction[K] } & { operations: Operation[] };

/** `LEVEL` in the text stands for the level that is given. Positions are those of the commits, from 1 on. */
export function historyOf(text: string, level: Isolation = 'serializable'): History {
  const drafts = new Map<string, Draft>();
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  let seq = 0;
  for (const [at, line] of lines.entries()) {
    const now = (at + 1) * 10;
    const [name = '', verb = '', ...words] = line.split(/\s+/);
    if (verb === 'begin') {
      drafts.set(name, begun(name, drafts.size, now, words, level));
      continue;
    }
    const draft = drafts.get(name);
    if (draft === undefined) throw new Error(`${line}: nobody has begun it`);
    const operation = operationOf(verb, words, now);
    if (operation !== null) {
      draft.operations.push(operation);
      continue;
    }
    draft.endedAt = now + 1;
    if (verb === 'rollback') continue;
    if (verb !== 'commit' && verb !== 'lost') throw new Error(`${line}: ${verb}?`);
    draft.commitInvokedAt = now;
    draft.outcome = verb === 'lost' ? 'unknown' : 'ok';
    if (verb !== 'commit' || !draft.operations.some(isWrite)) continue;
    seq += 1;
    draft.position = { timeline: 1, seq };
  }
  return { transactions: [...drafts.values()] };
}

function begun(
  name: string,
  id: number,
  now: number,
  words: readonly string[],
  level: Isolation,
): Draft {
  const named = words[0] === 'LEVEL' ? level : words[0];
  const isolation = isolationLevels.find((one) => one === named);
  if (isolation === undefined) throw new Error(`${named} is no level`);
  const after = wordBehind(words, 'after');
  return {
    id,
    process: name.replace(/\d+$/, ''),
    place: wordBehind(words, 'on') ?? master,
    isolation,
    beginInvokedAt: now,
    begunAt: now + 1,
    operations: [],
    commitInvokedAt: null,
    endedAt: Infinity,
    outcome: 'fail',
    position: null,
    after: after === undefined ? null : { timeline: 1, seq: Number(after) },
  };
}

function wordBehind(words: readonly string[], word: string): string | undefined {
  const at = words.indexOf(word);
  return at < 0 ? undefined : words[at + 1];
}

function operationOf(verb: string, words: readonly string[], now: number): Operation | null {
  const [key = '', ...rest] = words;
  const span = { invokedAt: now, answeredAt: now + 1 };
  switch (verb) {
    case 'r':
      return { ...span, type: 'read', key, value: valueOf(rest.join(' ')) };
    case 'r!':
      return { ...span, type: 'read', key, value: valueOf(rest.join(' ')), lockMode: 'protected' };
    case 'w':
      return { ...span, type: 'write', key, value: rest.join(' ') };
    case '+':
      return { ...span, type: 'append', key, element: rest.join(' ') };
    case 'range':
      return {
        ...span,
        type: 'range',
        prefix: key,
        entries: rest.map((entry) => entry.split('=') as [string, string]),
      };
    default:
      return null;
  }
}

function valueOf(text: string): Value {
  if (text === '-') return null;
  if (!text.startsWith('[')) return text;
  return text.slice(1, -1).split(' ');
}
