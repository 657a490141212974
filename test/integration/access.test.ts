// Nobody enters unasked: tokens, and the address that is listened on.
import { chmod, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { RemoteAdministration } from '@pamina/client';
import { nodeEnv } from '@pamina/env';
import { pamina, tokenFile } from '../support/command.js';
import {
  createMaster,
  createReplica,
  expectEqualStates,
  untilLevel,
} from '../support/following.js';
import { freePort } from '../support/free-port.js';
import { inScene } from '../support/scene.js';
import { ServedFolder } from '../support/served-folder.js';
import { expectAllAcknowledged, Writers } from '../support/writers.js';

const token = 'papageno-papagena-tamino';

it(
  'P14 a server does not listen for others than this machine without a token',
  inScene(async (scene) => {
    for (const host of ['0.0.0.0', '[::]']) {
      const refused = await pamina(scene, ['serve', '--listen', `${host}:${await freePort()}`]);
      expect(refused.status).not.toBe(0);
      expect(refused.stdout).toBe('');
      expect(refused.stderr).toMatch(/^TOKEN_REQUIRED: .+\. .+/);
    }
  }),
);

it(
  'P14 a token file that others can read is not used',
  inScene(async (scene) => {
    const path = scene.path('open-token');
    await writeFile(path, `${token}\n`);
    await chmod(path, 0o644);
    const refused = await pamina(scene, ['list', '--token-file', path]);
    expect(refused.status).not.toBe(0);
    expect(refused.stderr).toMatch(/^[A-Z_]+: .+\. .+/);
    expect(refused.stderr).not.toContain(token);
  }),
);

it(
  'P14 without the token neither administration nor replication gets in, with it both do',
  inScene(async (scene) => {
    const options = { token, tokenFile: await tokenFile(scene, token) };
    const here = await ServedFolder.started(scene, 'main', options);
    const master = await createMaster(here, 'cities');
    await here.administration.backup('cities');
    await here.administration.allow('cities', 'cities-replica');

    const env = nodeEnv();
    for (const wrong of [undefined, 'monostatos-monostatos']) {
      const stranger = new RemoteAdministration({ env, address: here.address, token: wrong });
      for (const call of [
        () => stranger.list(),
        () => stranger.get('cities', 'paris'),
        () => stranger.put('cities', 'paris', 'x'),
        () => stranger.backup('cities'),
        () => stranger.allow('cities', 'stranger'),
        () => stranger.stop('cities'),
      ]) {
        await expect(call()).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
      }
      await stranger.close();
      const url = `${here.address.replace('http', 'ws')}/v1/databases/cities/feed`;
      const headers: Record<string, string> =
        wrong === undefined ? {} : { authorization: `Bearer ${wrong}` };
      const channel = env.network.connect(url, { headers, messageBytesMax: 1024 });
      await expect(channel).rejects.toMatchObject({ context: { status: 401 } });
    }
    const bare = await here.pamina('status', 'cities');
    expect(bare.status).not.toBe(0);
    expect(bare.stderr).toMatch(/^UNAUTHORIZED: .+\. .+/);

    // A server without the token creates no replica from this one.
    const outside = await ServedFolder.started(scene, 'outside');
    const refused = outside.administration.replicate('cities-replica', { master: 'cities' });
    await expect(refused).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    await outside.stop();

    const there = await ServedFolder.started(scene, 'standby', options);
    const replica = await createReplica(there, 'cities-replica', master);
    const writers = new Writers(scene, here, { database: 'cities', count: 50, token });
    await writers.ended(30_000);
    await untilLevel(replica, master);
    await expectEqualStates(master, replica);
    await expectAllAcknowledged(here.administration, 'cities', writers.journal);
  }),
);
