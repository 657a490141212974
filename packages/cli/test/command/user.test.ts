import { describe, expect, it } from 'vitest';
import { aToken, aUser, fakeAdministration, runWith } from '../fake-administration.js';

const callsOf = (administration: ReturnType<typeof fakeAdministration>) =>
  administration.calls.filter(([verb]) => verb !== 'close');

describe('user', () => {
  it('P14 adds a user, and prints the token alone on stdout, for a file', async () => {
    const administration = fakeAdministration();
    const ran = await runWith(administration, [
      'user',
      'add',
      'cities',
      'alice',
      '--role',
      'write',
    ]);
    expect(ran).toMatchObject({ status: 0, out: `${aToken}\n` });
    expect(ran.err).toContain('is not shown again');
    expect(ran.err).not.toContain(aToken);
    const [call] = callsOf(administration);
    expect(call?.slice(0, 3)).toEqual(['users.add', 'cities', 'alice']);
    expect(call?.[3]).toMatchObject({ roles: ['write'] });
  });

  it('takes several roles, a label and a time', async () => {
    const administration = fakeAdministration();
    await runWith(administration, [
      ...['user', 'add', 'cities', 'alice', '--role', 'read, backup'],
      ...['--label', 'laptop', '--expires', '2027-01-01T00:00Z'],
    ]);
    expect(callsOf(administration)[0]?.[3]).toEqual({
      roles: ['read', 'backup'],
      label: 'laptop',
      expiresAt: Date.UTC(2027, 0, 1),
    });
  });

  it('refuses a role that there is not, and words that are missing', async () => {
    for (const words of [
      ['add', 'cities', 'alice', '--role', 'root'],
      ['add', 'cities', 'alice'],
      ['add', 'cities', '--role', 'read'],
      ['revoke', 'cities', 'alice'],
      ['promote', 'cities', 'alice'],
    ]) {
      const administration = fakeAdministration();
      const ran = await runWith(administration, ['user', ...words]);
      expect(ran.status, words.join(' ')).toBe(2);
      expect(callsOf(administration)).toEqual([]);
    }
  });

  it('lists users with their tokens, and says when there are none', async () => {
    const ran = await runWith(fakeAdministration(), ['user', 'list', 'cities']);
    expect(ran.out).toMatch(/^user +roles +token/);
    expect(ran.out).toContain('0f3a9c11d2e4b587');
    expect(ran.out).toContain('laptop');
    expect(ran.out).toContain('never');
    const json = await runWith(fakeAdministration(), ['user', 'list', 'cities', '--json']);
    expect(json.objects).toEqual([{ users: [aUser] }]);
    const { users } = fakeAdministration();
    const none = fakeAdministration({ users: { ...users, list: () => Promise.resolve([]) } });
    const empty = await runWith(none, ['user', 'list', 'cities']);
    expect(empty).toMatchObject({ status: 0, out: '' });
    expect(empty.err).toContain('has no users');
  });

  it('removes and revokes nothing with --dry-run', async () => {
    for (const words of [
      ['remove', 'cities', 'alice'],
      ['revoke', 'cities', 'alice', '--id', '0f3a9c11d2e4b587'],
    ]) {
      const dry = fakeAdministration();
      const would = await runWith(dry, ['user', ...words, '--dry-run']);
      expect(would.out).toMatch(/^would /);
      expect(callsOf(dry).map(([verb]) => verb)).toEqual(['users.list']);
      const administration = fakeAdministration();
      const ran = await runWith(administration, ['user', ...words]);
      expect(ran.out).toMatch(/^re(moved|voked) /);
      expect(callsOf(administration).map(([verb]) => verb)).toContain(
        words[0] === 'remove' ? 'users.remove' : 'users.removeToken',
      );
    }
  });

  it('names a user or a token that there is not', async () => {
    const unknown = await runWith(fakeAdministration(), ['user', 'remove', 'cities', 'bob']);
    expect(unknown.err).toMatch(/^USER_NOT_FOUND: /);
    const words = ['user', 'revoke', 'cities', 'alice', '--id', 'ffffffffffffffff'];
    const token = await runWith(fakeAdministration(), words);
    expect(token.err).toMatch(/^USER_NOT_FOUND: /);
  });

  it('gives other roles, and a further token', async () => {
    const set = await runWith(fakeAdministration(), [
      ...['user', 'set', 'cities', 'alice', '--role', 'admin'],
    ]);
    expect(set.out).toBe('alice has the role admin on cities from now on\n');
    const further = await runWith(fakeAdministration(), ['user', 'token', 'cities', 'alice']);
    expect(further.out).toBe(`${aToken}\n`);
  });
});
