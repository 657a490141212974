// Users of a database: who may do what with it, and the tokens that prove it. A token is told once, by the call that
// made it; nobody can ask for it again.

import { nameLengthMax, type Role, roles, timeMsMax, tokenLabelLengthMax } from '@pamina/format';
import { type Static, type TSchema, Type } from 'typebox';

const strict = { additionalProperties: false } as const;
const name = Type.String({ minLength: 1, maxLength: nameLengthMax });
const roleList = Type.Array(Type.Unsafe<Role>(Type.Enum([...roles])), {
  minItems: 1,
  maxItems: roles.length,
});
const ofToken = {
  label: Type.Optional(Type.String({ minLength: 1, maxLength: tokenLabelLengthMax })),
  expiresAt: Type.Optional(Type.Integer({ minimum: 0, maximum: timeMsMax })),
};

export const userParameters = Type.Object({ name, user: name });
export const userTokenParameters = Type.Object({
  name,
  user: name,
  token: Type.String({ minLength: 1, maxLength: 64 }),
});
export const addUserRequest = Type.Object({ user: name, roles: roleList, ...ofToken }, strict);
export const setUserRequest = Type.Object({ roles: roleList }, strict);
export const addTokenRequest = Type.Object(ofToken, strict);

export type AddUserRequest = Static<typeof addUserRequest>;
export type SetUserRequest = Static<typeof setUserRequest>;
export type AddTokenRequest = Static<typeof addTokenRequest>;

const orNull = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

export const userAnswer = Type.Object({
  name: Type.String(),
  roles: Type.Array(Type.String()),
  since: Type.Number(),
  tokens: Type.Array(
    Type.Object({
      id: Type.String(),
      label: orNull(Type.String()),
      createdAt: Type.Number(),
      expiresAt: orNull(Type.Number()),
    }),
  ),
});
export const usersAnswer = Type.Array(userAnswer);
export const newTokenAnswer = Type.Object({
  user: userAnswer,
  id: Type.String(),
  token: Type.String(),
});

export interface TokenSummary {
  readonly id: string;
  readonly label: string | null;
  /** ms since 1970. */
  readonly createdAt: number;
  /** From then on it lets nobody in, ms since 1970; null = never. */
  readonly expiresAt: number | null;
}

export interface UserSummary {
  readonly name: string;
  /** Of this version: `read`, `write`, `replicate`, `backup`, `admin`. */
  readonly roles: readonly string[];
  /** ms since 1970. */
  readonly since: number;
  readonly tokens: readonly TokenSummary[];
}

export interface NewToken {
  readonly user: UserSummary;
  /** Names the token; not secret. */
  readonly id: string;
  /** What is sent as `Authorization: Bearer …`. Kept nowhere. */
  readonly token: string;
}

export interface TokenOptions {
  readonly label?: string | undefined;
  /** ms since 1970. */
  readonly expiresAt?: number | undefined;
}

/** `name` is a database. All that change something: REPLICA_READ_ONLY, FENCED. */
export interface UserCalls {
  list(name: string): Promise<UserSummary[]>;
  /** With a first token. USER_EXISTS, USERS_FULL, NAME_INVALID. */
  add(
    name: string,
    user: string,
    options: TokenOptions & { readonly roles: readonly Role[] },
  ): Promise<NewToken>;
  /** USER_NOT_FOUND */
  setRoles(name: string, user: string, roles: readonly Role[]): Promise<UserSummary>;
  /** With all its tokens. USER_NOT_FOUND. */
  remove(name: string, user: string): Promise<void>;
  /** Another token of the same user. USER_NOT_FOUND, USERS_FULL. */
  addToken(name: string, user: string, options?: TokenOptions): Promise<NewToken>;
  /** USER_NOT_FOUND, also for a token that the user does not have. */
  removeToken(name: string, user: string, id: string): Promise<UserSummary>;
}
