// What a replica's hello is judged by, as it is at this moment.

import type { HelloMessage } from '@pamina/wire';
import type { FeedDatabase } from './contract.js';
import { isWelcomeHere } from './feed-check.js';
import type { FeedFacts, Refusal } from './feed-event.js';
import type { FeedSeat } from './feed-seats.js';

/** The log is pinned at the replica's point by then. May wait for another connection's end. */
export async function gatherFacts(
  database: FeedDatabase,
  hello: HelloMessage,
  seat: FeedSeat,
): Promise<FeedFacts> {
  const { control, identity } = database;
  const { name } = control;
  const permittedNow = async () =>
    (await database.permitted()).find((replica) => replica.name === hello.replica) ?? null;
  const mayFollow = isWelcomeHere(hello, { name, ...identity, permitted: await permittedNow() });
  // Nobody contends for a seat who could not have it.
  const rival = mayFollow ? await seat.take(hello) : null;
  const permitted = await permittedNow();
  const chain = await database.log.chainAt(hello.point.seq);
  return {
    name,
    instance: identity.instance,
    pattern: identity.pattern,
    timelines: database.timelines,
    durable: database.durable(),
    permitted,
    rival,
    lost: database.slots.lost(hello.replica),
    chain,
    segments: database.log.segments(),
  };
}

/** Why a connected replica gets nothing more; null while log is held for it. */
export function lossOf({ control, slots }: FeedDatabase, replica: string): Refusal | null {
  const lost = slots.lost(replica);
  if (lost === null) return null;
  const cap = lost.cap === 'bytes' ? 'replicaHoldBytes' : 'replicaHoldDays';
  const message = `${replica} is too slow: the log that ${control.name} held for it passed the cap (${cap})`;
  return { code: 'REPLICA_LOST', message, context: { lostAt: lost.at, cap: lost.cap } };
}
