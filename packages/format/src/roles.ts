// What a user of a database may do. Kept in the database itself, so the words are part of the format.

export const roles = ['read', 'write', 'replicate', 'backup', 'admin'] as const;

/**
 * `read` and `write` are of the data; `replicate` is what a replica asks of its master; `backup` makes, lists, verifies
 * and expires backups; `admin` is all of one database.
 */
export type Role = (typeof roles)[number];

const included: Readonly<Record<Role, readonly Role[]>> = {
  read: ['read'],
  write: ['write', 'read'],
  replicate: ['replicate'],
  backup: ['backup'],
  admin: roles,
};

/** Whether who has these roles may do what asks for `needed`. */
export function includesRole(given: readonly Role[], needed: Role): boolean {
  return given.some((role) => included[role].includes(needed));
}

/** Without doubles, in the order of the table. */
export function rolesIn(words: readonly unknown[]): Role[] {
  return roles.filter((role) => words.includes(role));
}
