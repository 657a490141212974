// Hosts every database of the data folder in the foreground, until SIGINT or SIGTERM.
import { PaminaError, type StopMode, stopModes, stopTimeoutMsDefault } from '@pamina/format';
import {
  type CloseOptions,
  logLevels,
  type LogOptions,
  type Notice,
  requestsPerSecondDefault,
  serve as startServer,
} from '@pamina/server';
import { defineCommand } from '../command.js';
import type { Context } from '../context.js';
import type { Io } from '../io.js';
import { LogFile } from '../log-file.js';
import { wholeNumber } from '../numbers.js';
import { oneOf } from '../one-of.js';
import { readTokenFile } from '../token-file.js';

const listenDefault = '127.0.0.1:7474';
const stopSecondsMax = 24 * 60 * 60;

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
    'stop-mode': {
      value: 'MODE',
      describe: `What a signal does with open transactions: ${stopModes.join(', ')} (normal)`,
    },
    'stop-timeout': {
      value: 'SECONDS',
      describe: `How long normal waits for them (${stopTimeoutMsDefault / 1000})`,
    },
    'log-level': {
      value: 'LEVEL',
      describe: `What is told of requests, as JSON: ${logLevels.join(', ')} (warn)`,
    },
    'log-file': { value: 'FILE', describe: 'Where that is written; by default to stderr' },
  },
  examples: [
    ['pamina serve', `on ${listenDefault}`],
    ['pamina serve --listen 127.0.0.1:0 --json', 'on a free port, told as {"listening":…}'],
    [
      'pamina serve --listen 0.0.0.0:7474 --token-file token --tls-cert cert.pem --tls-key key.pem',
      'for other machines',
    ],
    ['pamina serve --log-level info --log-file server.log', 'with a line for each request'],
  ],
  notes: [
    'Certificate and key are read again when their files change; connections that are there go on.',
    'A signal ends it in order: no transaction begins any more, and those that are',
    'open are waited for. Another signal rolls them back, the next one waits for',
    'nothing, and one more ends the process at once. Ended in order it exits with',
    '0, and with 10 where the time was over and transactions were rolled back.',
  ],
  async execute(context, given) {
    const { env, io, output, places } = context;
    context.signal.throwIfAborted();
    const mode = oneOf('--stop-mode', given['stop-mode'], stopModes) ?? 'normal';
    const seconds = wholeNumber('--stop-timeout', given['stop-timeout'], 0, stopSecondsMax);
    const log = await logOf(context, given);
    const peerFile = given['peer-token-file'];
    const rate = given['requests-per-second'];
    const server = await startServer({
      env,
      dataFolder: places.dataFolder,
      directory: places.directory,
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
      log,
    });
    let isListening = false;
    try {
      await output.result({ listening: server.address }, () => `listening on ${server.address}`);
      isListening = true;
      await untilAborted(io.signal);
    } finally {
      // Where nobody could be told where it listens nobody has a transaction open.
      const options: CloseOptions = {
        mode: isListening ? mode : 'rollback',
        ...(seconds !== undefined && { timeoutMs: seconds * 1000 }),
        onOpen: (open) => tellWait(context, open),
      };
      const forget = harderAtEachSignal(io, mode, (harder) => {
        // The same end: its outcome is that of the call below.
        void server.close({ mode: harder });
      });
      try {
        await server.close(options);
      } finally {
        forget();
        await log.flush();
      }
    }
  },
});

interface Log extends LogOptions {
  flush(): Promise<void>;
}

interface Given {
  readonly 'log-level': string | undefined;
  readonly 'log-file': string | undefined;
}

/** USAGE, ACCESS_DENIED. */
async function logOf(context: Context, given: Given): Promise<Log> {
  const { env, output } = context;
  const level = oneOf('--log-level', given['log-level'], logLevels) ?? 'warn';
  const name = given['log-file'];
  if (name === undefined) {
    const write = (line: string): void => output.errorLine(line.trimEnd());
    return { level, write, flush: () => Promise.resolve() };
  }
  if (name === '') throw new PaminaError('USAGE', '--log-file wants the name of a file');
  const file = new LogFile(env.disk, context.path(name), (text) =>
    output.errorLine(`log: ${text}`),
  );
  await file.prove();
  return { level, write: (line) => file.write(line), flush: () => file.flush() };
}

function tellWait({ output }: Context, open: number): void {
  if (open === 0) return;
  const what = open === 1 ? '1 transaction is' : `${open} transactions are`;
  output.note(`${what} open and waited for; one more signal rolls back what is open`);
}

/** From the mode that is in force on, one step each. */
function harderAtEachSignal(io: Io, mode: StopMode, raise: (mode: StopMode) => void): () => void {
  let at = stopModes.indexOf(mode);
  return (
    io.onFurtherSignal?.((end) => {
      at += 1;
      const harder = stopModes[at];
      if (harder === undefined) end();
      else raise(harder);
    }) ?? ((): void => undefined)
  );
}

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
