// A channel lives longer than the token that opened it may: whether it would be opened now is asked again and again.

import type { Channel, Env } from '@pamina/env';
import { toPaminaError } from '@pamina/format';

const everyMs = 2_000;
/** What a channel is closed with, of the codes that are free to use. */
const closeCode = 4401;

/** Returns what ends the asking, for when the channel is over. */
export function keepAdmitted(
  clock: Pick<Env['clock'], 'after'>,
  channel: Pick<Channel, 'close'>,
  admit: () => Promise<unknown>,
): () => void {
  let isOver = false;
  let cancel = (): void => undefined;
  const askLater = (): void => {
    if (!isOver) cancel = clock.after(everyMs, ask);
  };
  const ask = (): void => {
    admit().then(askLater, (error: unknown) => {
      const { code } = toPaminaError(error);
      // Others guess from the same address: that is not this one's fault.
      if (code === 'TOO_MANY_REQUESTS') askLater();
      else if (!isOver) channel.close(closeCode, code);
    });
  };
  askLater();
  return () => {
    isOver = true;
    cancel();
  };
}
