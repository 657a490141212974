// The role that each route asks for, cell by cell, and docs/roles.md, which is written from just that:
// `npx tsx --conditions=pamina-source packages/server/scripts/roles-document.ts`.
import { includesRole, type Role, roles } from '@pamina/format';
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { rolesDocument, rolesDocumentPath } from '../scripts/roles-document.js';
import { requireRoles, type RouteRole } from '../src/route-role.js';
import { type Asker, askers, type Cell, playMatrix, type Row } from './matrix-plays.js';

let rows: readonly Row[];
beforeAll(async () => {
  rows = await playMatrix();
});

/** By the words of the route alone. */
function wanted(asker: Asker, role: RouteRole): Cell {
  if (role === 'open' || asker === 'server') return 'in';
  if (asker === 'nobody') return 'unauthorized';
  if (role === 'listed') return 'in';
  if (asker === 'elsewhere') return 'unauthorized';
  if (role === 'server') return 'forbidden';
  if (role === 'any') return 'in';
  const needed = Array.isArray(role) ? (role as readonly Role[]) : [role as Role];
  return needed.some((one) => includesRole([asker], one)) ? 'in' : 'forbidden';
}

describe('P14 the role matrix', () => {
  it('has every route, of every kind', () => {
    expect(rows.length).toBeGreaterThan(50);
    const asked = new Set(rows.flatMap(({ route }) => [route.role].flat()));
    expect([...asked].sort()).toEqual(['any', 'listed', 'open', 'server', ...roles].sort());
    expect(rows.some(({ route }) => route.url.endsWith('/feed'))).toBe(true);
  });

  it.each(askers)('lets in %s where it may be, and nowhere else', (asker) => {
    for (const { cells, route } of rows) {
      const isOfNone = !route.url.includes(':name') && route.role === 'server';
      // Whoever has a token for some database is known, where no database is named.
      const isKnown = isOfNone && asker === 'elsewhere';
      const cell = isKnown ? 'forbidden' : wanted(asker, route.role);
      expect(cells[asker], `${route.method} ${route.url}`).toBe(cell);
    }
  });

  it('is what docs/roles.md says, to the letter', () => {
    expect(readFileSync(rolesDocumentPath, 'utf8')).toBe(rolesDocument(rows));
  });
});

describe('P14 a route without a role', () => {
  it('keeps the application from starting', async () => {
    const { fastify } = await import('fastify');
    for (const config of [{}, { role: 'root' }, { role: [] }, undefined]) {
      const app = fastify();
      requireRoles(app);
      const options = { config } as { config: { role: 'read' } };
      expect(() => app.get('/', options, () => 'x')).toThrow('does not say which role it needs');
      await app.close();
    }
  });

  it('or with the role of a database, and no database, does too', async () => {
    const { fastify } = await import('fastify');
    const app = fastify();
    requireRoles(app);
    const metrics = (): unknown => app.get('/metrics', { config: { role: 'admin' } }, () => 'x');
    expect(metrics).toThrow('names no database for its role');
    await app.close();
  });
});
