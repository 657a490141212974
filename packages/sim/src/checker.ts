// Judges a history: every invariant by its name, each a pure function of the events.

import type { Recorded } from './history.js';
import { agreement, bytes, chain } from './invariant/agreement.js';
import { archive } from './invariant/archive.js';
import { backup } from './invariant/backup.js';
import {
  Context,
  type Invariant,
  type InvariantName,
  type Violation,
} from './invariant/context.js';
import { durability, shipping } from './invariant/durability.js';
import { replicated } from './invariant/replicated.js';
import { honesty } from './invariant/honesty.js';
import { atomicity, gap, order, rejection } from './invariant/log.js';
import { read } from './invariant/read.js';
import { convergence, liveness, recovery, resume, retention } from './invariant/recovery.js';
import { sources } from './invariant/sources.js';
import { apply, state } from './invariant/state.js';
import { fence, rejoin, timelines } from './invariant/succession.js';
import { target } from './invariant/target.js';
import { winner } from './invariant/winner.js';

export const invariants: Readonly<Record<InvariantName, Invariant>> = {
  agreement,
  chain,
  bytes,
  gap,
  durability,
  shipping,
  replicated,
  fence,
  winner,
  timelines,
  rejoin,
  rejection,
  atomicity,
  order,
  apply,
  state,
  read,
  backup,
  target,
  archive,
  recovery,
  resume,
  sources,
  retention,
  convergence,
  liveness,
  honesty,
};

/** In the order of the events that show them; empty when everything held. */
export function check(events: readonly Recorded[]): Violation[] {
  const context = new Context(events);
  return Object.values(invariants)
    .flatMap((invariant) => invariant(context))
    .sort((one, other) => one.index - other.index);
}
