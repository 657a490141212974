import { describe, expect, it } from 'vitest';
import { AllowedAddresses } from '../src/allowed-addresses.js';

function verdict(entries: readonly string[] | null, url: string): string {
  try {
    new AllowedAddresses(entries).check(url);
    return 'allowed';
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe('P14 the addresses that a server may call', () => {
  it('are all, if none are named', () => {
    expect(verdict(null, 'http://anywhere.example:1/x')).toBe('allowed');
    expect(verdict([], 'http://anywhere.example:1/x')).toBe('ADDRESS_NOT_ALLOWED');
  });

  it('are compared host by host and port by port, in one spelling', () => {
    const entries = [
      'DB1.example',
      'db2.example:7474',
      '[2001:DB8::0:1]:7474',
      '10.0.0.7',
      '127.1:80',
    ];
    const allowed = [
      'http://db1.example/x',
      'wss://db1.example.:9/x',
      'https://DB1.EXAMPLE:443',
      'http://db2.example:7474',
      'ws://[2001:db8:0::1]:7474/v1',
      'http://10.7:1',
      'http://0xa.0.0.7:1',
      'http://[::ffff:10.0.0.7]:5',
      'http://127.0.0.1',
    ];
    for (const url of allowed) expect(verdict(entries, url), url).toBe('allowed');
    const refused = [
      'http://db1.example.evil.example',
      'http://evil.example/db1.example',
      'http://db1.example@evil.example/',
      'http://db2.example',
      'https://db2.example:7475',
      'http://[2001:db8::1]:7475',
      'http://[2001:db8::2]:7474',
      'http://10.0.0.70:1',
      'https://127.0.0.1',
      'http://localhost:80',
    ];
    for (const url of refused) expect(verdict(entries, url), url).toBe('ADDRESS_NOT_ALLOWED');
  });

  it('have the server itself among them', () => {
    const addresses = new AllowedAddresses(['db1.example']);
    addresses.allowOwn('https://here.example:7474');
    addresses.check('wss://here.example:7474/v1/databases/x/feed');
    expect(() => addresses.check('https://here.example:7475')).toThrow(/here\.example:7475/);
  });

  it('are no patterns, networks or URLs', () => {
    for (const bad of ['', '*', 'a b', 'http://a', 'a/24', '::1', 'a:', 'a:65536', '[::1', 'a@b']) {
      expect(() => new AllowedAddresses([bad]), bad).toThrow(
        expect.objectContaining({ code: 'ADDRESS_INVALID' }),
      );
    }
  });
});
