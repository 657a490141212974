import { expect, it } from 'vitest';
import { originCheck } from '../src/origin.js';

it('P14 lets in programs, and pages of this very server', () => {
  const host = 'db1.example:7474';
  expect(originCheck(true)({ host })).toBeNull();
  expect(originCheck(true)({ host, origin: `https://${host}` })).toBeNull();
  for (const scheme of ['http', 'https']) {
    expect(originCheck(false)({ host, origin: `${scheme}://${host}` }), scheme).toBeNull();
  }
});

it('P14 refuses every other page', () => {
  const host = 'db1.example:7474';
  const others = [
    '',
    'null',
    'https://db1.example',
    'https://db1.example:7475',
    `ftp://${host}`,
    `https://${host}/`,
    `https://${host}.evil.example`,
  ];
  for (const isSecure of [true, false]) {
    for (const origin of others) {
      expect(originCheck(isSecure)({ host, origin }), origin).toMatchObject({ code: 'FORBIDDEN' });
    }
  }
  expect(originCheck(true)({ host, origin: `http://${host}` })).toMatchObject({
    code: 'FORBIDDEN',
  });
  const long = originCheck(true)({ host, origin: 'x'.repeat(10_000) });
  expect(long?.message.length).toBeLessThan(300);
});
