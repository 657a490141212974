// One line of the report from the turns of two contestants.
import { howToInstall } from './peer/peers.js';
import type { Figures, Goal, Line } from './report.js';
import { figuresOf, ratesOf, type Contestant, type Played, type Turn } from './rounds.js';
import { ratioOf, spreadOf } from './statistics.js';

export interface Comparison {
  readonly row: string;
  readonly measure: string;
  readonly against: string;
  readonly unit: string;
  readonly goal: Goal | null;
  readonly remark?: string | undefined;
}

export function atLeast(value: number): Goal {
  return { kind: 'at least', value, unit: '×' };
}

export function compared(
  comparison: Comparison,
  ours: readonly Turn[],
  theirs: readonly Turn[],
): Line {
  const { unit, ...told } = comparison;
  return {
    ...told,
    result: ratioOf(ratesOf(ours), ratesOf(theirs)),
    ours: figuresOf(ours, unit),
    theirs: figuresOf(theirs, unit),
  };
}

/** How long it took, in `unit`: less is better. Null for a peer that is not installed. */
export function comparedTimes(
  { unit, ...told }: Comparison,
  peer: string,
  ours: readonly number[],
  theirs: readonly number[] | null,
): Line {
  const here = { unit, spread: spreadOf(ours) };
  if (theirs === null) return { ...withoutPeer({ unit, ...told }, peer, null), ours: here };
  return {
    ...told,
    result: ratioOf(ours, theirs),
    ours: here,
    theirs: { unit, spread: spreadOf(theirs) },
  };
}

/** When the peer is not installed; says what Pamina did all the same. */
export function withoutPeer(
  { unit, ...told }: Comparison,
  peer: string,
  ours: readonly Turn[] | null,
): Line {
  const remark = `${peer} is not installed: ${howToInstall}`;
  const figures = ours === null ? null : figuresOf(ours, unit);
  return { ...told, result: null, ours: figures, theirs: null, remark };
}

/** A value that is held against a limit and not against somebody else. */
export function limited(
  told: Pick<Line, 'row' | 'measure' | 'remark'>,
  goal: Goal,
  value: number,
  ours: Figures | null = null,
): Line {
  return { ...told, against: '', result: spreadOf([value]), goal, ours, theirs: null };
}

export function turnsOf(played: Played, name: string): readonly Turn[] {
  const found = [...played].find(([contestant]: [Contestant, unknown]) => contestant.name === name);
  if (found === undefined) throw new Error(`${name} did not play`);
  return found[1];
}
