// Who was let in, and whether that is enough for what is asked.

import { includesRole, PaminaError, type Role } from '@pamina/format';
import type { RouteRole } from './route-role.js';

export type Principal =
  | { readonly kind: 'server' }
  /** A program of this machine, where nobody has to show anything. */
  | { readonly kind: 'own-machine' }
  /** Of a route that is open to all. */
  | { readonly kind: 'anybody' }
  | {
      readonly kind: 'user';
      readonly user: string;
      /** Of the database that was asked for. */
      readonly roles: readonly Role[];
      /** Where the token is good; only of what lists databases more than one. */
      readonly databases: readonly string[];
    };

/** FORBIDDEN. Also for what is decided behind a route, such as each call of a channel. */
export function requireRole(
  principal: Principal,
  role: RouteRole,
  database: string | undefined,
): void {
  if (principal.kind !== 'user' || role === 'any' || role === 'listed') return;
  const { roles, user } = principal;
  const needed = Array.isArray(role) ? (role as readonly Role[]) : [role as Role];
  if (role !== 'server' && needed.some((one) => includesRole(roles, one))) return;
  const where = database === undefined ? '' : ` on ${database}`;
  if (role === 'server') {
    throw new PaminaError('FORBIDDEN', `the user ${user} is not the server: its token is needed`, {
      context: { needed: 'server' },
      hint: 'Use the token of the server: `--token-file FILE`.',
    });
  }
  const words = needed.join(' or ');
  const message = `the user ${user} has not the role ${words}${where}`;
  const roleWords = [...new Set([...roles, needed[0]])].join(',');
  throw new PaminaError('FORBIDDEN', message, {
    context: { needed: words },
    hint: `Use a token that has it, or give it to the user: \`pamina user set ${database ?? 'NAME'} ${user} --role ${roleWords}\`.`,
  });
}
