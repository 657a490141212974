// In which modes a resource can be locked, which of them two transactions can hold together, and what one
// transaction holds that asks for two. The two tables are those of the README; a test compares them.

export const lockModes = [
  'intention-shared',
  'intention-exclusive',
  'shared',
  'shared-intention-exclusive',
  'exclusive',
] as const;

/**
 * An intention says that something below is locked in that mode: of a database its collections, of a
 * collection its documents.
 */
export type LockMode = (typeof lockModes)[number];

const IS = 'intention-shared';
const IX = 'intention-exclusive';
const S = 'shared';
const SIX = 'shared-intention-exclusive';
const X = 'exclusive';

const compatibility: Readonly<Record<LockMode, Readonly<Record<LockMode, boolean>>>> = {
  [IS]: { [IS]: true, [IX]: true, [S]: true, [SIX]: true, [X]: false },
  [IX]: { [IS]: true, [IX]: true, [S]: false, [SIX]: false, [X]: false },
  [S]: { [IS]: true, [IX]: false, [S]: true, [SIX]: false, [X]: false },
  [SIX]: { [IS]: true, [IX]: false, [S]: false, [SIX]: false, [X]: false },
  [X]: { [IS]: false, [IX]: false, [S]: false, [SIX]: false, [X]: false },
};

const suprema: Readonly<Record<LockMode, Readonly<Record<LockMode, LockMode>>>> = {
  [IS]: { [IS]: IS, [IX]: IX, [S]: S, [SIX]: SIX, [X]: X },
  [IX]: { [IS]: IX, [IX]: IX, [S]: SIX, [SIX]: SIX, [X]: X },
  [S]: { [IS]: S, [IX]: SIX, [S]: S, [SIX]: SIX, [X]: X },
  [SIX]: { [IS]: SIX, [IX]: SIX, [S]: SIX, [SIX]: SIX, [X]: X },
  [X]: { [IS]: X, [IX]: X, [S]: X, [SIX]: X, [X]: X },
};

/** Whether two transactions can hold a resource in these modes at the same time. */
export function areCompatible(one: LockMode, other: LockMode): boolean {
  return compatibility[one][other];
}

/** The weakest mode that is at least both: what is held after an upgrade. */
export function supremum(held: LockMode, asked: LockMode): LockMode {
  return suprema[held][asked];
}

/** What the resources above one that is locked in this mode are locked in. */
export function intentionOf(mode: LockMode): LockMode {
  return mode === IS || mode === S ? IS : IX;
}

/** Whether a resource that is held in this mode locks all below it in the mode that is asked for. */
export function coversBelow(held: LockMode, asked: LockMode): boolean {
  if (held === X) return true;
  return (held === S || held === SIX) && intentionOf(asked) === IS;
}
