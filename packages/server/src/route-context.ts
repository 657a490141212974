// What every group of routes is given.

import type { Env } from '@pamina/env';
import type { Access } from './access.js';
import type { Served } from './served.js';

export interface RouteContext {
  readonly served: Served;
  readonly access: Pick<Access, 'admit'>;
  readonly clock: Env['clock'];
}

/** A route below one database. */
export interface Named {
  Params: { name: string };
}
