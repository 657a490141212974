// The options of the verbs that commit: which replicas are to have the commit on their disks.
import {
  PaminaError,
  synchronousReplicasMax,
  synchronousTimeoutMsMax,
  synchronousTimeoutMsMin,
} from '@pamina/format';
import type { WriteOptions } from '@pamina/wire';
import { wholeNumber } from './numbers.js';

export const writeOptions = {
  replicas: { value: 'N', describe: 'Wait until so many replicas have it on their disks' },
  names: { value: 'A,B', describe: 'Only these replicas count' },
  policy: {
    value: 'POLICY',
    describe: 'When they do not confirm: wait, or degrade (go on without them, loudly)',
  },
  'timeout-ms': { value: 'MS', describe: 'How long degrade waits' },
} as const;

type Given = Readonly<Record<keyof typeof writeOptions, string | undefined>>;

/** Empty where nothing is asked for: then the settings of the database say it. USAGE. */
export function writeOptionsOf(given: Given): [] | [WriteOptions] {
  const { names, policy, 'timeout-ms': timeout } = given;
  const replicas = wholeNumber('--replicas', given.replicas, 1, synchronousReplicasMax);
  if (replicas === undefined) {
    if (names === undefined && policy === undefined && timeout === undefined) return [];
    throw new PaminaError('USAGE', '--names, --policy and --timeout-ms need --replicas');
  }
  if (policy !== undefined && policy !== 'wait' && policy !== 'degrade') {
    throw new PaminaError('USAGE', `--policy is wait or degrade, not ${JSON.stringify(policy)}`);
  }
  const timeoutMs = wholeNumber(
    '--timeout-ms',
    timeout,
    synchronousTimeoutMsMin,
    synchronousTimeoutMsMax,
  );
  return [{ durability: { replicas, names: names?.split(','), policy, timeoutMs } }];
}
