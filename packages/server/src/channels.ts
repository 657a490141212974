// The WebSocket channels of a server: access before anything else, then what the path names.

import type { Channel, Env, HttpListener, UpgradeRequest } from '@pamina/env';
import { PaminaError, toPaminaError, wireMessageBytesMax } from '@pamina/format';
import { channelPingMs } from '@pamina/replication';
import { apiPrefix, partsBudget, type PartsBudget } from '@pamina/wire';
import type { Access } from './access.js';
import { serveCalls } from './calls-connection.js';
import { errorBody } from './error-answer.js';
import type { OnlineDatabase } from './online-database.js';
import type { OriginCheck } from './origin.js';
import { type Principal, requireRole } from './principal.js';
import type { ListedRoute, RouteRole } from './route-role.js';
import type { Served } from './served.js';

const pathPartLengthMax = 200;
/** So often who has a connection open for long is looked up again: his token may be revoked, or his roles others. */
const admittedAgainMs = 10_000;

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
}

interface Target {
  readonly name: string;
  readonly kind: ChannelKind;
}

interface Accepted extends Target {
  readonly channel: Channel;
  readonly online: OnlineDatabase;
  readonly principal: Principal;
  readonly request: UpgradeRequest;
}

export function acceptChannels(options: ChannelsOptions): void {
  const { access, listener, origin, served } = options;
  const budget = partsBudget();
  listener.onUpgrade((request, accept, refuse) => {
    const admitted = async (): Promise<void> => {
      const alien = origin(request.headers);
      if (alien !== null) throw alien;
      const { kind, name } = targetOf(request.url);
      const principal = await access.admit(request, channelRoles[kind], name);
      const online = served.requireOnline(name);
      const channel = accept({ messageBytesMax: wireMessageBytesMax, heartbeatMs: channelPingMs });
      const accepted = { channel, kind, name, online, principal, request };
      serve(options, budget, accepted).catch((error: unknown) => {
        // Each reports its own failures; what comes out here is a fault, and ends the channel.
        channel.close(4500, toPaminaError(error).code);
      });
    };
    admitted().catch((error: unknown) => {
      const refusal = toPaminaError(error);
      refuse(refusal.httpStatus, errorBody(refusal));
    });
  });
}

async function serve(
  options: ChannelsOptions,
  budget: PartsBudget,
  accepted: Accepted,
): Promise<void> {
  const { channel, kind, name, online } = accepted;
  if (kind === 'feed') return online.feed(channel);
  const watch = new AdmittedAgain(options, accepted);
  const access = { requireWrite: () => requireRole(watch.principal, 'write', name) };
  try {
    await serveCalls({ access, budget, channel, clock: options.env.clock, online });
  } finally {
    watch.stop();
  }
}

/** Who is admitted no more is let go of. */
class AdmittedAgain {
  principal: Principal;
  readonly #options: ChannelsOptions;
  readonly #accepted: Accepted;
  #isOver = false;
  #cancel = (): void => undefined;

  constructor(options: ChannelsOptions, accepted: Accepted) {
    this.#options = options;
    this.#accepted = accepted;
    this.principal = accepted.principal;
    this.#wait();
  }

  stop(): void {
    this.#isOver = true;
    this.#cancel();
  }

  #wait(): void {
    if (this.#isOver) return;
    this.#cancel = this.#options.env.clock.after(admittedAgainMs, () => void this.#look());
  }

  async #look(): Promise<void> {
    const { channel, kind, name, request } = this.#accepted;
    try {
      this.principal = await this.#options.access.admit(request, channelRoles[kind], name);
      this.#wait();
    } catch (error) {
      channel.close(4403, toPaminaError(error).code);
    }
  }
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
