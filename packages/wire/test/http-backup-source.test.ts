import { expect, it } from 'vitest';
import { parseBackupUrl } from '../src/http-backup-source.js';

it('finds the parts of a backup’s address', () => {
  expect(parseBackupUrl('http://h:1/v1/databases/a%20b/backups/0-1/')).toEqual({
    address: 'http://h:1',
    database: 'a b',
    id: '0-1',
  });
});

it.each([
  '/data/backups/x',
  'pamina://cities',
  'http://h:1/',
  'http://h:1/v1/databases/a/backups',
  'http://h:1/v1/databases/a/backups/b/files/manifest',
  'http://h:1/v2/databases/a/backups/b',
  'http://h:1/v1/databases/%zz/backups/b',
  'ftp://h/v1/databases/a/backups/b',
])('%s is none', (text) => {
  expect(parseBackupUrl(text)).toBeNull();
});
