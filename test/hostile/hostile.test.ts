// A real server under attack. Whatever comes: the demanded answer, the process lives on, nothing has changed, and no
// secret is in an answer or in anything that the server printed or wrote.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RemoteAdministration } from '@pamina/client';
import { nodeEnv } from '@pamina/env';
import { roles as allRoles } from '@pamina/format';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tokenFile } from '../support/command.js';
import { Scene } from '../support/scene.js';
import { ServedFolder } from '../support/served-folder.js';
import { type Attack, isDemanded, type Target } from './attack.js';
import { bodies, roles, words } from './bodies-and-verbs.js';
import { badFrames, handshakes, slow } from './channels-and-clocks.js';
import { headers, pages, smuggling, traversal } from './paths-and-parsers.js';
import { exchange } from './raw-exchange.js';

const serverToken = 'sarastro-isis-osiris';
const groups: Readonly<Record<string, readonly Attack[]>> = {
  traversal,
  smuggling,
  headers,
  'web pages': pages,
  bodies,
  words,
  'roles and replays': roles,
  handshakes,
  frames: badFrames,
  patience: slow,
};

let scene: Scene;
let guarded: ServedFolder;
let open: ServedFolder;
let target: Target;
let before: State;

interface State {
  readonly instance: string;
  readonly databases: unknown;
  readonly hash: string;
  readonly users: unknown;
  readonly backups: number;
}

/** Of everything that an attack could have changed. */
async function stateOf({ administration }: ServedFolder): Promise<State> {
  const { instance } = await administration.server();
  const list = await administration.list();
  // Control events are no change of what is kept.
  const databases = list.map(({ name, online, state, type }) => ({ name, online, state, type }));
  const { stateHash } = await administration.hash('orders');
  const users = await administration.users.list('orders');
  const backups = (await administration.backups('orders')).length;
  return { instance, databases, hash: stateHash, users, backups };
}

beforeAll(async () => {
  scene = await Scene.open();
  const file = await tokenFile(scene, serverToken);
  guarded = await ServedFolder.started(scene, 'guarded', { token: serverToken, tokenFile: file });
  open = await ServedFolder.started(scene, 'open');
  const { administration } = guarded;
  for (const name of ['orders', 'payroll']) await administration.create(name);
  await open.administration.create('plain');
  await administration.put('orders', 'a', '1');
  await administration.put('payroll', 'salary', 'secret');
  await administration.allow('orders', 'orders-replica');
  const tokens: Partial<Record<(typeof allRoles)[number], string>> = {};
  const env = nodeEnv();
  for (const role of allRoles) {
    const { token } = await administration.users.add('orders', role, { roles: [role] });
    tokens[role] = token;
    // Who was let in once is not made to wait for the guesses of others.
    const own = new RemoteAdministration({ env, address: guarded.address, token });
    await own.status('orders');
    await own.close();
  }
  const { id, token: revoked } = await administration.users.addToken('orders', 'admin');
  await administration.users.removeToken('orders', 'admin', id);
  const port = Number(new URL(guarded.address).port);
  target = { port, serverToken, tokens: tokens as Target['tokens'], revoked };
  before = await stateOf(guarded);
}, 120_000);
afterAll(() => scene.close());

function secrets(): string[] {
  const texts = [serverToken, ...Object.values(target.tokens), target.revoked];
  return texts.flatMap((text) => [text, text.split('_').at(-1)!]);
}

async function attack(one: Attack): Promise<void> {
  const served = one.isOpen === true ? open : guarded;
  const port = Number(new URL(served.address).port);
  const answer = await exchange(port, one.bytes({ ...target, port }), one.options);
  const shown = { status: answer.status, closed: answer.closed, text: answer.text.slice(0, 500) };
  expect(isDemanded(one, answer), `${one.name}: ${JSON.stringify(shown)}`).toBe(true);
  // After what may not be said on a channel nobody listens to it any more.
  if (one.options?.untilClosed === true) expect(answer.closed, one.name).toBe(true);
  if (one.refuses !== undefined) expect(answer.text).not.toMatch(one.refuses);
  if (one.answers !== undefined) expect(answer.text).toMatch(one.answers);
  for (const secret of secrets()) expect(answer.text).not.toContain(secret);
  expect(served.process.exit, one.name).toBeNull();
}

describe('P14 a hostile request', () => {
  it('is one of many, each with a name of its own', () => {
    for (const [group, attacks] of Object.entries(groups)) {
      const names = attacks.map(({ name }) => name);
      expect(new Set(names).size, group).toBe(names.length);
    }
    expect(Object.values(groups).flat().length).toBeGreaterThan(200);
  });

  for (const [group, attacks] of Object.entries(groups)) {
    it(`of the group ${group} gets the demanded answer and changes nothing`, async () => {
      if (group === 'patience') await Promise.all(attacks.map(attack));
      else for (const one of attacks) await attack(one);
      expect(await stateOf(guarded)).toEqual(before);
      expect((await open.administration.list()).map(({ name }) => name)).toEqual(['plain']);
    }, 120_000);
  }

  it('leaves no secret in what the servers printed and wrote, and every line of the job log whole', async () => {
    for (const served of [guarded, open]) {
      const { stderr, stdout } = served.process;
      const logs = await textsBelow(served.dataFolder, /job\.log|server\.json|control\.json/);
      for (const secret of secrets()) {
        expect(stdout + stderr).not.toContain(secret);
        for (const [path, text] of logs) expect(text, path).not.toContain(secret);
      }
      const jobLogs = logs.filter(([path]) => path.endsWith('job.log'));
      expect(jobLogs.length).toBeGreaterThan(0);
      for (const line of jobLogs.flatMap(([, text]) => text.trimEnd().split('\n'))) {
        expect(JSON.parse(line)).toMatchObject({ event: expect.any(String) as string });
      }
    }
  });
});

async function textsBelow(folder: string, name: RegExp): Promise<[path: string, text: string][]> {
  const entries = await readdir(folder, { recursive: true });
  const found = entries.filter((path) => name.test(path));
  return Promise.all(
    found.map(async (path): Promise<[string, string]> => {
      const whole = join(folder, path);
      return [whole, await readFile(whole, 'latin1')];
    }),
  );
}
