// What transactions do: appends to lists, writes of registers, documents that come into ranges, money that is
// moved. All of it on few keys, so that they meet.
import type { ReadLockMode } from '@pamina/format';
import type { Prng } from '../world/prng.js';
import type { Session } from './session.js';
import { balanceOf, balanceText, type Accounts } from './totals.js';

export const workloadNames = ['lists', 'registers', 'ranges', 'money'] as const;
export type WorkloadName = (typeof workloadNames)[number];

/** One transaction, up to its commit. */
export type Task = (session: Session, random: Prng) => Promise<void>;

const lists = 4;
/** A list that is longer is left alone, and another one begun. */
const elementsMax = 24;
const registers = 5;
const rooms = 2;
const accountCount = 8;
const balanceAtFirst = 100;

/** `prefix`: of all its keys, so that one database can be used again. */
export function accountsOf(prefix: string): Accounts {
  return { prefix: `${prefix}money/`, count: accountCount, total: accountCount * balanceAtFirst };
}

/** What must be there first. */
export async function prepare(session: Session, prefix: string): Promise<void> {
  const accounts = accountsOf(prefix);
  for (let at = 0; at < accountCount; at += 1) {
    await session.write(`${accounts.prefix}${at}`, balanceText(balanceAtFirst, session.name));
  }
}

/** Reads everything, as whoever comes last. */
export async function readAll(session: Session, prefix: string): Promise<void> {
  for (const name of workloadNames) await session.range(`${prefix}${name}/`);
}

export function taskOf(name: WorkloadName, prefix: string): Task {
  const base = `${prefix}${name}/`;
  switch (name) {
    case 'lists':
      return (session, random) => useLists(session, random, base);
    case 'registers':
      return (session, random) => useRegisters(session, random, base);
    case 'ranges':
      return (session, random) => useRanges(session, random, base);
    case 'money':
      return (session, random) => moveMoney(session, random, base);
  }
}

/** Of a place that takes no writes. */
export function readingOf(name: WorkloadName, prefix: string): Task {
  const base = `${prefix}${name}/`;
  return async (session, random) => {
    for (const _ of operationsOf(random)) {
      if (random.chance(0.4)) await session.range(base, lockModeOf(random));
      else await session.read(`${base}${random.below(registers)}`, lockModeOf(random));
    }
  };
}

function operationsOf(random: Prng): readonly number[] {
  return Array.from({ length: 1 + random.below(4) }, (_, at) => at);
}

function lockModeOf(random: Prng): ReadLockMode | undefined {
  return random.chance(0.9) ? undefined : random.pick(['shared', 'protected', 'unprotected']);
}

async function useLists(session: Session, random: Prng, base: string): Promise<void> {
  for (const _ of operationsOf(random)) {
    const number = random.below(lists);
    const generation = session.generationOf(`${base}${number}`, elementsMax);
    const key = `${base}${number}.${generation}`;
    if (random.chance(0.5)) await session.read(key, lockModeOf(random));
    else await session.append(key);
  }
}

async function useRegisters(session: Session, random: Prng, base: string): Promise<void> {
  for (const _ of operationsOf(random)) {
    const key = `${base}${random.below(registers)}`;
    if (random.chance(0.5)) await session.read(key, lockModeOf(random));
    if (random.chance(0.5)) await session.write(key);
    // Also between what was read and what is written from it.
    await session.pause();
  }
}

/** Some of them, as one batch writes them. */
export function registersOf(random: Prng, prefix: string): string[] {
  const numbers = Array.from({ length: 1 + random.below(3) }, () => random.below(registers));
  return [...new Set(numbers)].map((number) => `${prefix}registers/${number}`);
}

async function useRanges(session: Session, random: Prng, base: string): Promise<void> {
  const room = (): string => `${base}${random.below(rooms)}.`;
  for (const _ of operationsOf(random)) {
    if (random.chance(0.5)) await session.range(room(), lockModeOf(random));
    else await session.write(`${room()}${session.generationOf(base, 6)}.${random.below(4)}`);
  }
}

/** From one account to some others: in whatever order, so that transactions meet crosswise. */
async function moveMoney(session: Session, random: Prng, base: string): Promise<void> {
  if (random.chance(0.3)) return audit(session, random, base);
  const count = 2 + random.below(3);
  const chosen = new Set(
    Array.from({ length: count }, () => `${base}${random.below(accountCount)}`),
  );
  const balances = new Map<string, number>();
  for (const key of chosen) {
    // What is written from what was read is locked for that, whatever the level.
    const text = await session.read(key, 'protected');
    if (text === null) return;
    balances.set(key, balanceOf(text));
  }
  const [from = '', ...others] = chosen;
  for (const to of others) {
    const amount = 1 + random.below(20);
    balances.set(from, balances.get(from)! - amount);
    balances.set(to, balances.get(to)! + amount);
  }
  for (const [key, balance] of balances) {
    await session.write(key, balanceText(balance, session.name));
  }
}

async function audit(session: Session, random: Prng, base: string): Promise<void> {
  if (random.chance(0.5)) {
    await session.range(base);
    return;
  }
  for (let at = 0; at < accountCount; at += 1) await session.read(`${base}${at}`);
}
