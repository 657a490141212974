import { describe, expect, it } from 'vitest';
import { pins } from '../../scripts/check/pins.js';
import { findingsOf, json } from './planted.js';

const manifest = (path: string, dependencies: Record<string, string>, version = '1.0.0') => ({
  [`packages/${path}/package.json`]: json({ name: path, version, dependencies }),
});

async function messages(planted: Record<string, string>): Promise<string[]> {
  return (await findingsOf(pins, planted)).map(({ file, message }) => `${file} ${message}`);
}

describe('the pins check', () => {
  it('finds nothing in a sound repository', async () => {
    expect(await findingsOf(pins)).toEqual([]);
  });

  it.each(['^1.0.0', '~1.0.0', '*', '1', '>=1.0.0', 'latest', 'https://example.org/x.tgz'])(
    'finds the version %s, which is not exact',
    async (version) => {
      const found = await messages({
        ...manifest('log', { ws: version }),
        ...manifest('pamina', { ws: version }),
      });
      expect(found[0]).toContain(`ws is "${version}"`);
    },
  );

  it('finds two versions of one dependency, and a package at another version', async () => {
    const found = await messages({
      ...manifest('log', { ws: '8.0.0' }, '1.0.1'),
      ...manifest('pamina', { ws: '8.0.1' }),
    });
    expect(found).toHaveLength(2);
    expect(found[0]).toContain('version 1.0.1: the repository is at 1.0.0');
    expect(found[1]).toContain('ws is 8.0.1 here and 8.0.0 in packages/log/package.json');
  });

  it('finds what the published package lacks and what it lists for nothing', async () => {
    const found = await messages({
      ...manifest('log', { ws: '8.0.0' }),
      ...manifest('pamina', { yargs: '18.0.0' }),
    });
    expect(found).toEqual([
      'packages/pamina/package.json add ws, which packages/log/package.json needs',
      'packages/pamina/package.json remove yargs: no bundled package depends on it',
    ]);
  });
});
