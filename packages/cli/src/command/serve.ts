// Hosts every database of the data folder in the foreground, until SIGINT or SIGTERM.
import { requestsPerSecondDefault, serve as startServer } from '@pamina/server';
import { defineCommand } from '../command.js';
import { wholeNumber } from '../numbers.js';
import { readTokenFile } from '../token-file.js';

const listenDefault = '127.0.0.1:7474';

export const serve = defineCommand({
  name: 'serve',
  summary: 'Serve all databases of the data folder until interrupted',
  positionals: {},
  options: {
    listen: {
      value: 'HOST:PORT',
      describe: `Where to listen; default ${listenDefault}; port 0 takes a free one. Needs a token file elsewhere than on loopback`,
    },
    'peer-token-file': {
      value: 'FILE',
      describe: 'A token that other servers are shown instead of this one’s own: of a user there',
    },
    'requests-per-second': {
      value: 'N',
      describe: `Of each user at most; 0 = no limit; default ${requestsPerSecondDefault}`,
    },
  },
  examples: [
    ['pamina serve', `on ${listenDefault}`],
    ['pamina serve --listen 127.0.0.1:0 --json', 'on a free port, told as {"listening":…}'],
    ['pamina serve --listen 0.0.0.0:7474 --token-file token', 'for other machines'],
  ],
  async execute(context, given) {
    const { env, io, output, places } = context;
    context.signal.throwIfAborted();
    const peerFile = given['peer-token-file'];
    const rate = given['requests-per-second'];
    const server = await startServer({
      env,
      dataFolder: places.dataFolder,
      directoryFile: places.directoryFile,
      listen: given.listen ?? listenDefault,
      token: (await context.token()) ?? undefined,
      peerToken:
        peerFile === undefined ? undefined : await readTokenFile(env, context.path(peerFile)),
      requestsPerSecond: wholeNumber('--requests-per-second', rate, 0, 1_000_000),
    });
    try {
      await output.result({ listening: server.address }, () => `listening on ${server.address}`);
      await untilAborted(io.signal);
    } finally {
      await server.close();
    }
  },
});

/** A reader of stdout that went away ends no server: only a signal does. */
function untilAborted(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) resolve();
    else signal?.addEventListener('abort', () => resolve(), { once: true });
  });
}
