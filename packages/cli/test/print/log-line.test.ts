import { expect, it } from 'vitest';
import { logLineText } from '../../src/print/log-line.js';
import { aLogLine } from '../fake-administration.js';

const control = { ...aLogLine, kind: 'session', operationCount: null, operations: [] };

it('a control record shows its body, shortened', () => {
  expect(logLineText({ ...control, body: { session: 3 } })).toMatch(
    / session +120 B {2}\{"session":3\}$/,
  );
  expect(logLineText({ ...control, body: 'x'.repeat(1000) }).length).toBeLessThan(250);
  expect(logLineText(control)).toMatch(/120 B$/);
});

it('long keys are shortened and made printable, system keys are marked', () => {
  const operations = [
    { type: 'put', space: 'system', key: 'settings', valueBytes: 1 },
    { type: 'del', space: 'user', key: `\u001b${'k'.repeat(100)}`, valueBytes: null },
  ] as const;
  const text = logLineText({ ...aLogLine, operationCount: 2, operations });
  expect(text).toContain(`put system:settings, del \\x1b${'k'.repeat(35)}…`);
  expect(text).not.toContain('\u001b');
});

it('an empty commit is a line too', () => {
  expect(logLineText({ ...aLogLine, operationCount: 0, operations: [] })).toMatch(/120 B$/);
});
