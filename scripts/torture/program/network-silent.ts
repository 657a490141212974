// A connection that asks for large values and never reads an answer.

import type { Directory } from '@pamina/directory';
import type { Env } from '@pamina/env';
import { toPaminaError } from '@pamina/format';
import { callsProtocol, callVerb, encodeCallsControl, FrameWriter } from '@pamina/wire';
import { largeKey } from './network-words.js';

export interface SilentOptions {
  readonly env: Env;
  readonly directory: Directory;
  readonly database: string;
  readonly token: string;
  readonly signal: AbortSignal;
}

const asked = 100;
/** A server lets go of who reads nothing; a socket that is not read does not notice it. */
const againMs = 70_000;
const refusedMs = 500;

export async function neverRead(options: SilentOptions): Promise<void> {
  const { directory, database, env, signal, token } = options;
  while (!signal.aborted) {
    let waitMs = againMs;
    let close = (): void => undefined;
    try {
      const entry = await directory.resolve(database);
      const url = `${entry?.address.replace(/^http/, 'ws') ?? ''}/v1/databases/${database}/calls`;
      const channel = await env.network.connect(url, {
        messageBytesMax: 1024,
        headers: { authorization: `Bearer ${token}` },
        signal,
      });
      channel.pause();
      channel.send(encodeCallsControl({ type: 'hello', protocol: callsProtocol }));
      for (const message of questions()) channel.send(message);
      close = () => channel.close(1000, '');
    } catch (error) {
      // No server at this moment.
      if (toPaminaError(error).code !== 'ABORTED') waitMs = refusedMs;
    }
    await sleep(env, waitMs, signal);
    close();
  }
}

function questions(): Uint8Array[] {
  const writer = new FrameWriter('calls');
  for (let number = 1; number <= asked; number += 1) {
    writer.begin(number, callVerb.get);
    writer.u32(0);
    writer.datum(largeKey);
    writer.end();
  }
  return writer.take();
}

/** Also when it is to end. */
export async function sleep(env: Env, ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const finish = (): void => {
      cancel();
      signal.removeEventListener('abort', finish);
      resolve();
    };
    const cancel = env.clock.after(ms, finish);
    signal.addEventListener('abort', finish, { once: true });
    if (signal.aborted) finish();
  });
}
