// What administrators change of users, and what they are told of it.

import { createDatabase, Database } from '@pamina/engine';
import { PaminaError } from '@pamina/format';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Held, HostCore } from '../src/host-core.js';
import { userCalls } from '../src/host-users.js';
import type { UserTables } from '../src/user-tables.js';
import { env, Workbench } from './workbench.js';

it('P9 a token that was made is told, also where the users cannot be read afterwards', async () => {
  const bench = await Workbench.open();
  const folder = join(bench.folder, 'orders');
  await createDatabase(folder, { env });
  const database = await Database.open(folder, { env });
  try {
    const use = <T>(_name: string, _access: string, task: (held: Held) => Promise<T>) =>
      task({ database, online: null });
    const read = () => Promise.reject(new PaminaError('STORE_DAMAGED', 'not readable'));
    const core = { env, use } as unknown as HostCore;
    const users = userCalls(core, { read } as unknown as UserTables);
    const { id, token } = await users.add('orders', 'alice', { roles: ['read'] });
    expect(token).toContain(id);
    expect((await database.system.users.table()).tokens.has(id)).toBe(true);
    await expect(users.remove('orders', 'nobody')).rejects.toMatchObject({
      code: 'USER_NOT_FOUND',
    });
  } finally {
    await database.close();
    await bench.close();
  }
});
