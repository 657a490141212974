import { expect, it } from 'vitest';
import { OnceLog } from '../src/once-log.js';

it('says everything while nothing repeats, and each thing once while it does', () => {
  const lines: string[] = [];
  let isRepeating = false;
  const log = new OnceLog(
    { write: (_level, event, message) => lines.push(`${event} ${message}`) },
    () => isRepeating,
  );
  const say = (message: string) => log.write('info', 'tried', message);
  say('one');
  say('one');
  isRepeating = true;
  say('one');
  say('two');
  say('two');
  say('one');
  expect(lines).toEqual(['tried one', 'tried one', 'tried two']);
  isRepeating = false;
  say('two');
  expect(lines).toHaveLength(4);
});
