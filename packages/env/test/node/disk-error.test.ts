// What the operating system says, in the codes of the error table.

import { PaminaError } from '@pamina/format';
import { expect, test } from 'vitest';
import { diskError } from '../../src/node/disk-error.js';

test.each([
  ['ENOSPC', 'DISK_FULL'],
  ['EDQUOT', 'DISK_FULL'],
  ['EACCES', 'ACCESS_DENIED'],
  ['EPERM', 'ACCESS_DENIED'],
  ['EROFS', 'ACCESS_DENIED'],
  ['ENOENT', 'FILE_NOT_FOUND'],
  ['EEXIST', 'FILE_EXISTS'],
  ['EIO', 'DISK_ERROR'],
  ['toString', 'DISK_ERROR'],
])('P9 %s is %s, with cause, operation and path', (code, expected) => {
  const cause = Object.assign(new Error(`${code}: as the system put it`), { code });
  const error = diskError(cause, 'write', '/place/file');
  expect(error).toMatchObject({
    code: expected,
    cause,
    context: { operation: 'write', path: '/place/file' },
  });
  expect(error.message).toContain(`cannot write /place/file (${code}`);
});

test('what already is an error of Pamina stays it; what is no error at all is DISK_ERROR', () => {
  const own = new PaminaError('TIMEOUT', 'late');
  expect(diskError(own, 'write', '/file')).toBe(own);
  expect(diskError('odd', 'write', '/file')).toMatchObject({ code: 'DISK_ERROR' });
});
