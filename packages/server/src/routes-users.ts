// Routes of who may do what with a database.

import {
  addTokenRequest,
  type AddTokenRequest,
  addUserRequest,
  type AddUserRequest,
  nameParameters,
  setUserRequest,
  type SetUserRequest,
  userParameters,
  userTokenParameters,
} from '@pamina/wire';
import type { FastifyInstance } from 'fastify';
import type { Named, RouteContext } from './route-context.js';

interface NamedUser {
  Params: { name: string; user: string };
}

const root = '/databases/:name/users';
const config = { role: 'admin' } as const;

export function userRoutes(app: FastifyInstance, { served: { users } }: RouteContext): void {
  app.get<Named>(root, { config, schema: { params: nameParameters } }, ({ params }) =>
    users.list(params.name),
  );

  app.post<Named & { Body: AddUserRequest }>(
    root,
    { config, schema: { params: nameParameters, body: addUserRequest } },
    ({ body: { user, ...options }, params }) => users.add(params.name, user, options),
  );

  app.put<NamedUser & { Body: SetUserRequest }>(
    `${root}/:user`,
    { config, schema: { params: userParameters, body: setUserRequest } },
    ({ body, params }) => users.setRoles(params.name, params.user, body.roles),
  );

  app.delete<NamedUser>(
    `${root}/:user`,
    { config, schema: { params: userParameters } },
    async ({ params }) => {
      await users.remove(params.name, params.user);
      return {};
    },
  );

  app.post<NamedUser & { Body: AddTokenRequest }>(
    `${root}/:user/tokens`,
    { config, schema: { params: userParameters, body: addTokenRequest } },
    ({ body, params }) => users.addToken(params.name, params.user, body),
  );

  app.delete<{ Params: { name: string; user: string; token: string } }>(
    `${root}/:user/tokens/:token`,
    { config, schema: { params: userTokenParameters } },
    ({ params }) => users.removeToken(params.name, params.user, params.token),
  );
}
