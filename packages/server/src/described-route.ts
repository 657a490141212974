// A route as it was added to the application: what the description of the API is made of.

import type { RouteRole } from './route-role.js';

export interface RouteSchema {
  readonly params?: ObjectSchema | undefined;
  readonly querystring?: ObjectSchema | undefined;
  readonly body?: object | undefined;
}

interface ObjectSchema {
  readonly properties?: Readonly<Record<string, object>> | undefined;
  readonly required?: readonly string[] | undefined;
}

export interface DescribedRoute {
  readonly method: string;
  /** With parameters as fastify writes them: `/databases/:name`. */
  readonly url: string;
  readonly schema: RouteSchema;
  readonly role: RouteRole | undefined;
}
