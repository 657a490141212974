// The WebSocket channels of a server: access before anything else, then what the path names.

import type { Channel, Env, HttpListener } from '@pamina/env';
import { PaminaError, toPaminaError, wireMessageBytesMax } from '@pamina/format';
import { channelPingMs } from '@pamina/replication';
import { apiPrefix, partsBudget } from '@pamina/wire';
import type { Access } from './access.js';
import { AnswersBudget } from './answers-budget.js';
import type { CallFigures } from './call-figures.js';
import { type CallsParts, serveCalls } from './calls-connection.js';
import { errorBody } from './error-answer.js';
import { keepAdmitted } from './kept-admission.js';
import type { OnlineDatabase } from './online-database.js';
import type { OriginCheck } from './origin.js';
import { type Principal, requireRole } from './principal.js';
import type { ListedRoute, RouteRole } from './route-role.js';
import type { Served } from './served.js';

const pathPartLengthMax = 200;

/** What a channel below a database asks for, by the last part of its path. Writes in calls ask for `write`. */
const channelRoles = { feed: 'replicate', calls: 'read' } as const satisfies Record<
  string,
  RouteRole
>;
type ChannelKind = keyof typeof channelRoles;
const channelPath = new RegExp(
  `^${apiPrefix}/databases/([^/]{1,${pathPartLengthMax}})/(${Object.keys(channelRoles).join('|')})$`,
);

/** As routes. */
export const listedChannels: readonly ListedRoute[] = Object.entries(channelRoles).map(
  ([channel, role]) => ({
    method: 'CHANNEL',
    url: `${apiPrefix}/databases/:name/${channel}`,
    role,
  }),
);

export interface ChannelsOptions {
  readonly env: Env;
  readonly listener: HttpListener;
  readonly served: Served;
  readonly access: Access;
  readonly origin: OriginCheck;
  readonly callFigures: CallFigures;
}

interface Target {
  readonly name: string;
  readonly kind: ChannelKind;
}

/** What all connections of calls share. */
type Shared = Pick<CallsParts, 'answersBudget' | 'budget' | 'figures'>;

interface Accepted extends Target {
  readonly channel: Channel;
  readonly online: OnlineDatabase;
  /** Who has it open: looked up again and again, since his token may be revoked, or his roles others. */
  readonly principal: () => Principal;
}

export function acceptChannels(options: ChannelsOptions): void {
  const { access, callFigures: figures, env, listener, origin, served } = options;
  const answersBudget = new AnswersBudget(env.clock);
  const shared: Shared = { budget: partsBudget(), answersBudget, figures };
  listener.onUpgrade((request, accept, refuse) => {
    const admitted = async (): Promise<void> => {
      const alien = origin(request.headers);
      if (alien !== null) throw alien;
      const { kind, name } = targetOf(request.url);
      let principal = await access.admit(request, channelRoles[kind], name);
      const online = served.requireOnline(name);
      const channel = accept({ messageBytesMax: wireMessageBytesMax, heartbeatMs: channelPingMs });
      const endAsking = keepAdmitted(options.env.clock, channel, async () => {
        principal = await access.admit(request, channelRoles[kind], name);
      });
      serve(options, shared, { channel, kind, name, online, principal: () => principal })
        .catch((error: unknown) => {
          // Each reports its own failures; what comes out here is a fault, and ends the channel.
          channel.close(4500, toPaminaError(error).code);
        })
        .finally(endAsking);
    };
    admitted().catch((error: unknown) => {
      const refusal = toPaminaError(error);
      refuse(refusal.httpStatus, errorBody(refusal));
    });
  });
}

async function serve(options: ChannelsOptions, shared: Shared, accepted: Accepted): Promise<void> {
  const { channel, kind, name, online, principal } = accepted;
  if (kind === 'feed') return online.feed(channel);
  const access = { requireWrite: () => requireRole(principal(), 'write', name) };
  await serveCalls({ access, ...shared, channel, clock: options.env.clock, online });
}

function targetOf(url: string): Target {
  const path = url.replace(/\?.*$/, '');
  const match = channelPath.exec(path);
  if (match?.[1] === undefined) {
    throw new PaminaError('REQUEST_INVALID', `there is no channel at ${path.slice(0, 200)}`);
  }
  try {
    return { name: decodeURIComponent(match[1]), kind: match[2] as ChannelKind };
  } catch (cause) {
    throw new PaminaError('NAME_INVALID', 'the name in the path is not encoded rightly', { cause });
  }
}
