// Who may do what with a database on a server: users with roles, and the tokens that they show.
import { PaminaError, type Role, roles } from '@pamina/format';
import type { Administration, NewToken, TokenOptions, UserSummary } from '@pamina/wire';
import { defineCommand } from '../command.js';
import type { Context } from '../context.js';
import { usersText } from '../print/users.js';
import { printable } from '../print/units.js';
import { timeOf } from '../times.js';

const actions = ['add', 'set', 'remove', 'list', 'token', 'revoke'] as const;
type Action = (typeof actions)[number];

interface Task {
  readonly context: Context;
  readonly administration: Administration;
  /** Of the database. */
  readonly name: string;
  /** USAGE if it was not given. */
  user(): string;
  /** USAGE if none was given. */
  roles(): readonly Role[];
  /** USAGE if it was not given. */
  id(): string;
  readonly token: TokenOptions;
  readonly dryRun: boolean;
}

export const user = defineCommand({
  name: 'user',
  summary: 'Say who may do what with a database on a server, and make their tokens',
  positionals: {
    action: { describe: 'add, set, remove, list, token (make a further one), or revoke (one)' },
    name: { describe: 'Name of the database' },
    user: { describe: 'Name of the user; all actions but list', optional: true },
  },
  options: {
    role: { value: 'ROLE,…', describe: `add, set: of ${roles.join(', ')}` },
    label: { value: 'TEXT', describe: 'add, token: what the token is for' },
    expires: { value: 'TIME', describe: 'add, token: from then on it lets nobody in' },
    id: { value: 'ID', describe: 'revoke: which token; list shows them' },
    'dry-run': { describe: 'remove, revoke: only print what would be removed' },
  },
  examples: [
    ['pamina user add cities alice --role write > alice.token', 'prints the token, once'],
    ['pamina user add cities standby --role replicate', 'what a replica elsewhere needs'],
    ['pamina user set cities alice --role read,backup', 'other roles; the tokens stay'],
    ['pamina user token cities alice --label laptop --expires 2027-01-01', 'a further token'],
    ['pamina user revoke cities alice --id 0f3a9c11d2e4b587', 'that token lets nobody in any more'],
    ['pamina user remove cities alice --dry-run', 'what would go'],
  ],
  notes: [
    'A token is shown once and kept nowhere: a server keeps a digest that proves it. Make files that hold one with `umask 077`.',
    'Users are part of the database: its replicas and what is restored from its backups have the same.',
    'A database that has users asks everybody for a token; on a server without a token file so does what belongs to no database.',
  ],
  async execute(context, given) {
    const action = actionOf(given.action);
    const administration = await context.administrationOf(given.name);
    const { clock } = context.env;
    const expires = given.expires;
    await tasks[action]({
      context,
      administration,
      name: given.name,
      user: () => wanted(given.user, `${action} needs the name of a user`),
      roles: () => rolesOf(wanted(given.role, `${action} needs --role`)),
      id: () => wanted(given.id, 'revoke needs the --id of a token'),
      token: {
        label: given.label,
        expiresAt: expires === undefined ? undefined : timeOf('--expires', expires, clock.now()),
      },
      dryRun: given['dry-run'],
    });
  },
});

const tasks: Readonly<Record<Action, (task: Task) => Promise<void>>> = {
  async add(task) {
    const { administration, context, name, token } = task;
    const options = { ...token, roles: task.roles() };
    const made = await context.during('Adding the user', () =>
      administration.users.add(name, task.user(), options),
    );
    await tellToken(task, made);
  },
  async set(task) {
    const { administration, context, name } = task;
    const changed = await context.during('Changing the user', () =>
      administration.users.setRoles(name, task.user(), task.roles()),
    );
    await context.output.result(
      changed,
      () => `${printable(changed.name)} has ${rolesText(changed)} on ${name} from now on`,
    );
  },
  async remove(task) {
    const { administration, context, dryRun, name } = task;
    const user = task.user();
    const found = await find(task);
    if (!dryRun) {
      await context.during('Removing the user', () => administration.users.remove(name, user));
    }
    const tokens = found.tokens.map(({ id }) => id);
    await context.output.result({ name, user, tokens, removed: !dryRun, dryRun }, () =>
      [`user ${user}`, ...tokens.map((id) => `token ${printable(id)}`)]
        .map((what) => `${dryRun ? 'would remove' : 'removed'}  ${what}`)
        .join('\n'),
    );
    if (!dryRun) await noteOpen(task);
  },
  async list({ administration, context, name }) {
    const users = await context.during('Listing users', () => administration.users.list(name));
    await context.output.result({ users }, () =>
      users.length === 0 ? '' : usersText(users, context.env.clock.now()),
    );
    if (users.length === 0) {
      const add = `"pamina user add ${name} USER --role ROLE"`;
      context.output.note(`${name} has no users. ${add} adds one.`);
    }
  },
  async token(task) {
    const { administration, context, name, token } = task;
    const made = await context.during('Making a token', () =>
      administration.users.addToken(name, task.user(), token),
    );
    await tellToken(task, made);
  },
  async revoke(task) {
    const { administration, context, dryRun, name } = task;
    const user = task.user();
    const id = task.id();
    const token = (await find(task)).tokens.find((one) => one.id === id);
    if (token === undefined) {
      throw new PaminaError('USER_NOT_FOUND', `${user} has no token ${JSON.stringify(id)}`);
    }
    if (!dryRun) {
      await context.during('Revoking the token', () =>
        administration.users.removeToken(name, user, id),
      );
    }
    const label = token.label === null ? '' : ` (${printable(token.label)})`;
    await context.output.result(
      { name, user, id, revoked: !dryRun, dryRun },
      () => `${dryRun ? 'would revoke' : 'revoked'}  token ${id}${label} of ${user}`,
    );
  },
};

/** Alone on stdout, for a file; what is known of it beside. */
async function tellToken({ context, name }: Task, made: NewToken): Promise<void> {
  await context.output.result(made, () => made.token);
  const who = `${printable(made.user.name)} has ${rolesText(made.user)} on ${name}`;
  context.output.note(`${who}. This token, ${made.id}, is not shown again.`);
}

async function find(task: Task): Promise<UserSummary> {
  const { administration, name } = task;
  const user = task.user();
  const found = (await administration.users.list(name)).find((one) => one.name === user);
  if (found !== undefined) return found;
  throw new PaminaError('USER_NOT_FOUND', `${name} has no user ${JSON.stringify(user)}`);
}

/** Whoever removes the last user opens the database again. */
async function noteOpen({ administration, context, name }: Task): Promise<void> {
  if (context.output.json || (await administration.users.list(name)).length > 0) return;
  const open = 'a server without a token file lets all programs of its machine in again';
  context.output.note(`${name} has no users any more: ${open}.`);
}

function rolesText({ roles: given }: UserSummary): string {
  return `the ${given.length === 1 ? 'role' : 'roles'} ${printable(given.join(', '))}`;
}

function rolesOf(text: string): Role[] {
  return text.split(',').map((word) => {
    const role = roles.find((one) => one === word.trim());
    if (role !== undefined) return role;
    const all = roles.join(', ');
    throw new PaminaError('USAGE', `--role wants some of ${all}, not ${JSON.stringify(word)}`);
  });
}

function actionOf(text: string): Action {
  const action = actions.find((one) => one === text);
  if (action !== undefined) return action;
  throw new PaminaError('USAGE', `${JSON.stringify(text)} is none of ${actions.join(', ')}`);
}

function wanted(text: string | undefined, message: string): string {
  if (text !== undefined) return text;
  throw new PaminaError('USAGE', message);
}
