// Hosts every database of the data folder in the foreground, until SIGINT or SIGTERM.
import { type Notice, requestsPerSecondDefault, serve as startServer } from '@pamina/server';
import { defineCommand } from '../command.js';
import type { Context } from '../context.js';
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
      describe: `Where to listen; default ${listenDefault}; port 0 takes a free one. Elsewhere than on loopback it needs a token file and a certificate`,
    },
    advertise: {
      value: 'URL',
      describe: 'How others reach it, for the directory: https://HOST:PORT; default from --listen',
    },
    'tls-client-ca': {
      value: 'FILE',
      describe:
        'Ask clients for a certificate, and let in only those that the certificates (PEM) in this file signed',
    },
    'allow-master': {
      value: 'HOST[:PORT]',
      list: true,
      describe:
        'Call only these servers, as a replica, for a restore or in a failover; may be given several times',
    },
    insecure: {
      describe:
        'Serve others than this machine without TLS, or with it call those that have none: whoever is on the way can read along and use the token',
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
    [
      'pamina serve --listen 0.0.0.0:7474 --token-file token --tls-cert cert.pem --tls-key key.pem',
      'for other machines',
    ],
  ],
  notes: [
    'Certificate and key are read again when their files change; connections that are there go on.',
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
      advertise: given.advertise,
      token: (await context.token()) ?? undefined,
      peerToken:
        peerFile === undefined ? undefined : await readTokenFile(env, context.path(peerFile)),
      requestsPerSecond: wholeNumber('--requests-per-second', rate, 0, 1_000_000),
      tls: { ...places.tls, clientCa: pathOf(context, given['tls-client-ca']) },
      insecure: given.insecure,
      allowMaster: given['allow-master']?.split(',').filter((entry) => entry.trim() !== ''),
      onNotice: (notice) => tell(context, notice),
    });
    try {
      await output.result({ listening: server.address }, () => `listening on ${server.address}`);
      await untilAborted(io.signal);
    } finally {
      await server.close();
    }
  },
});

function pathOf(context: Context, text: string | undefined): string | undefined {
  return text === undefined ? undefined : context.path(text);
}

/** On stderr, so that whoever reads where it listens is not disturbed. */
function tell({ output }: Context, { level, message, topic }: Notice): void {
  if (output.json) output.errorLine(JSON.stringify({ [level]: { topic, message } }));
  else output.errorLine(`${level}: ${message.replace(/[.\s]+$/, '')}.`);
}

/** A reader of stdout that went away ends no server: only a signal does. */
function untilAborted(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) resolve();
    else signal?.addEventListener('abort', () => resolve(), { once: true });
  });
}
