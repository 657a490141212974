import { describe, expect, it } from 'vitest';
import { accessCheck, validateToken } from '../src/access.js';

const token = 'correct-horse-battery';

describe('P14 with a token', () => {
  const check = accessCheck(token);

  it('lets in who shows it', () => {
    expect(check({ authorization: `Bearer ${token}` })).toBeNull();
    expect(check({ authorization: `bearer   ${token}`, host: 'example.org' })).toBeNull();
  });

  it('refuses everybody else alike', () => {
    const refused = [
      undefined,
      '',
      'Bearer',
      'Bearer ',
      `Basic ${token}`,
      token,
      `Bearer ${token}x`,
      `Bearer ${token.slice(0, -1)}`,
      `Bearer ${token} ${token}`,
      ['Bearer', token],
    ];
    for (const authorization of refused) {
      expect(check({ authorization })).toMatchObject({ code: 'UNAUTHORIZED', httpStatus: 401 });
    }
  });

  it('never shows the token in a message', () => {
    expect(String(check({ authorization: 'Bearer guess-guess-guess' }))).not.toContain(token);
    expect(() => validateToken('secret phrase')).toThrow(/13 characters/);
  });

  it('takes no token that is short, or that a header cannot carry', () => {
    for (const bad of ['', 'short', 'x'.repeat(513), 'with a blank in it', 'línea-línea-línea']) {
      expect(() => accessCheck(bad)).toThrow(expect.objectContaining({ code: 'TOKEN_INVALID' }));
    }
  });
});

describe('P14 without a token', () => {
  const check = accessCheck(undefined);

  it('serves programs of this machine', () => {
    for (const host of [
      '127.0.0.1:7474',
      'localhost:7474',
      '[::1]:7474',
      '127.0.0.1',
      'LOCALHOST',
    ]) {
      expect(check({ host }), host).toBeNull();
    }
    expect(check({ host: '127.0.0.1:1', origin: 'http://127.0.0.1:1' })).toBeNull();
    expect(check({ host: 'localhost:1', 'sec-fetch-site': 'none' })).toBeNull();
  });

  it('refuses a name that was bound to this machine after the fact (DNS rebinding)', () => {
    const hosts = [
      undefined,
      '',
      'evil.example:7474',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      'evil.example:7474@127.0.0.1',
      '10.0.0.1:7474',
      '[::ffff:10.0.0.1]',
      '127.0.0.1:1:2',
    ];
    for (const host of hosts) expect(check({ host }), host).toMatchObject({ code: 'FORBIDDEN' });
  });

  it('refuses what a page of another origin sends', () => {
    const host = '127.0.0.1:7474';
    for (const origin of ['null', 'https://evil.example', 'http://127.0.0.1:8080', '']) {
      expect(check({ host, origin }), origin).toMatchObject({ code: 'FORBIDDEN' });
    }
    for (const site of ['cross-site', 'same-site', 'anything']) {
      expect(check({ host, 'sec-fetch-site': site }), site).toMatchObject({ code: 'FORBIDDEN' });
    }
  });
});
