import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { longest, longestFirst } from '../../scripts/lib/longest-first.js';
import { repository } from '../lib/built-package.js';

describe('the order of the test files', () => {
  it('knows files that exist', () => {
    expect(longest.filter((path) => !existsSync(join(repository, path)))).toEqual([]);
  });

  it('begins with those that take longest, and leaves the others as they are', () => {
    const given = ['/x/b.test.ts', `/x/${longest[1]}`, '/x/a.test.ts', `/x/${longest[0]}`];
    const files = given.map((moduleId) => ({ moduleId }));
    expect(longestFirst(files).map(({ moduleId }) => moduleId)).toEqual([
      `/x/${longest[0]}`,
      `/x/${longest[1]}`,
      '/x/b.test.ts',
      '/x/a.test.ts',
    ]);
  });
});
