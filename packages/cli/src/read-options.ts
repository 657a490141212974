// The options of the verbs that read: the position and the age of the state that is read.
import { stalenessMsMax } from '@pamina/format';
import { answerWaitMsMax, type GetOptions } from '@pamina/wire';
import { wholeNumber } from './numbers.js';

export const readOptions = {
  after: { value: 'POSITION', describe: 'Wait until this position is there, of a commit say' },
  'timeout-ms': { value: 'MS', describe: 'How long to wait for it (10000)' },
  'max-staleness-ms': {
    value: 'MS',
    describe: 'Fail if what a replica shows could be older',
  },
} as const;

type Given = Readonly<Record<keyof typeof readOptions, string | undefined>>;

/** Empty where nothing is asked for. USAGE. */
export function readOptionsOf({ after, ...given }: Given): [] | [GetOptions] {
  const staleness = given['max-staleness-ms'];
  const maxStalenessMs = wholeNumber('--max-staleness-ms', staleness, 0, stalenessMsMax);
  const timeoutMs = wholeNumber('--timeout-ms', given['timeout-ms'], 0, answerWaitMsMax);
  const isPlain = after === undefined && maxStalenessMs === undefined;
  return isPlain ? [] : [{ after, maxStalenessMs, timeoutMs }];
}
