// Writes docs/roles.md from what happens when everybody asks for every route:
// `npx tsx --conditions=pamina-source packages/server/scripts/roles-document.ts`; with `--print` to the terminal instead.
// test/role-matrix.test.ts asks again, and holds the file against what it sees.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { askers, type Cell, playMatrix, type Row } from '../test/matrix-plays.js';

const signs: Readonly<Record<Cell, string>> = { in: 'yes', unauthorized: '401', forbidden: '403' };

/** The whole text of docs/roles.md. */
export function rolesDocument(rows: readonly Row[]): string {
  const lines = [
    ['route', ...askers],
    ...rows.map(({ cells, route }) => [
      `\`${route.method} ${route.url}\``,
      ...askers.map((asker) => signs[cells[asker]]),
    ]),
  ];
  const fields = rows.flatMap(({ route: { method, serverFields, url } }) =>
    serverFields === undefined
      ? []
      : [`- \`${method} ${url}\`: ${serverFields.map((field) => `\`${field}\``).join(', ')}`],
  );
  const parts = [...introduction, '', ...table(lines), '', ...beyond, '', ...fields];
  return `${parts.join('\n')}\n`;
}

const introduction = [
  '# Roles',
  '',
  'Written by `npx tsx --conditions=pamina-source packages/server/scripts/roles-document.ts` from the answers to one',
  'real request for each cell. Do not edit by hand: `test/role-matrix.test.ts` asks again.',
  '',
  'Who asks: _nobody_ shows no token; _elsewhere_ is an administrator of another database; the roles are those of a',
  "user of the database that is asked for; _server_ shows the server's own token. _yes_ is let in, 401 is not known, 403",
  'is known and has not the role. A channel is a WebSocket.',
  '',
  'This is a server with a token. One without, which listens on loopback only, lets its own machine in like _server_, but',
  'for databases that have users; once one has, what belongs to no database asks for a token too.',
];

const beyond = [
  '## What reaches beyond one database',
  '',
  'These fields name places where the server runs, or other databases, and the server works there with its own rights: who',
  "gives one of them shows the server's token. A word without a slash in `backup`, `from` or `source` is the database's own",
  'backup or archive, and free to whoever may use the route.',
  '',
  'For `at` and `verify` of `GET /v1/databases/:name/hash` a whole copy is recovered: they ask for the role `backup`.',
];

function table(rows: readonly (readonly string[])[]): string[] {
  const [head = []] = rows;
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const rule = widths.map((width) => '-'.repeat(width));
  const [first = '', ...others] = rows.map(line);
  return [first, line(rule), ...others];
}

export const rolesDocumentPath = fileURLToPath(new URL('../docs/roles.md', import.meta.url));

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const document = rolesDocument(await playMatrix());
  if (process.argv.includes('--print')) process.stdout.write(document);
  else writeFileSync(rolesDocumentPath, document);
}
