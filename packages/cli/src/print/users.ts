// Users and their tokens as a table: a line for each token, so that one can be found by its label.
import type { UserSummary } from '@pamina/wire';
import { table } from './table.js';
import { printable, formatTime } from './units.js';

export function usersText(users: readonly UserSummary[], now: number): string {
  const rows = users.flatMap(({ name, roles, tokens }) => {
    const whose = [printable(name), printable(roles.join(','))];
    if (tokens.length === 0) return [[...whose, 'none', '', '', '']];
    return tokens.map(({ createdAt, expiresAt, id, label }) => [
      ...whose,
      printable(id),
      label === null ? '' : printable(label),
      formatTime(createdAt),
      expiryText(expiresAt, now),
    ]);
  });
  return table(
    ['user', 'roles', 'token', 'label', 'since', 'expires'].map((title) => ({ title })),
    rows,
  );
}

function expiryText(expiresAt: number | null, now: number): string {
  if (expiresAt === null) return 'never';
  return expiresAt <= now ? `expired ${formatTime(expiresAt)}` : formatTime(expiresAt);
}
