// A channel, and an answer that goes on, live longer than the token that opened them may: whether they would be opened
// now is asked again and again.

import type { Channel, Env } from '@pamina/env';
import { type PaminaError, toPaminaError } from '@pamina/format';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { RouteContext } from './route-context.js';
import type { RouteRole } from './route-role.js';

const everyMs = 2_000;
/** What a channel is closed with, of the codes that are free to use. */
const closeCode = 4401;

/** Returns what ends the asking, for when the channel is over. */
export function keepAdmitted(
  clock: Pick<Env['clock'], 'after'>,
  channel: Pick<Channel, 'close'>,
  admit: () => Promise<unknown>,
): () => void {
  return keepAsking(clock, admit, ({ code }) => channel.close(closeCode, code));
}

/** Aborted, with the refusal, when the answer under way would not be begun any more. */
export function admittedAnswer(
  { access, clock }: Pick<RouteContext, 'access' | 'clock'>,
  { headers, ip: remoteAddress }: Pick<FastifyRequest, 'headers' | 'ip'>,
  { raw }: Pick<FastifyReply, 'raw'>,
  { database, role }: { readonly database: string; readonly role: RouteRole },
): AbortSignal {
  const refused = new AbortController();
  const admit = (): Promise<unknown> => access.admit({ headers, remoteAddress }, role, database);
  const end = keepAsking(clock, admit, (refusal) => refused.abort(refusal));
  raw.once('close', end);
  return refused.signal;
}

function keepAsking(
  clock: Pick<Env['clock'], 'after'>,
  admit: () => Promise<unknown>,
  onRefused: (refusal: PaminaError) => void,
): () => void {
  let isOver = false;
  let cancel = (): void => undefined;
  const askLater = (): void => {
    if (!isOver) cancel = clock.after(everyMs, ask);
  };
  const ask = (): void => {
    admit().then(askLater, (error: unknown) => {
      const refusal = toPaminaError(error);
      // Others guess from the same address: that is not this one's fault.
      if (refusal.code === 'TOO_MANY_REQUESTS') askLater();
      else if (!isOver) onRefused(refusal);
    });
  };
  askLater();
  return () => {
    isOver = true;
    cancel();
  };
}
