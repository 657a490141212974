// The log of a server for machines: one line of JSON each. What comes from outside is escaped by the encoding, and of
// a request nothing is written but what names neither key nor value nor credential.

import type { Env } from '@pamina/env';

export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

export interface LogOptions {
  /** What is less is left out. */
  readonly level: LogLevel;
  /** Takes one whole line, with its end. Must not throw. */
  readonly write: (line: string) => void;
}

export interface ServerLog {
  /** Whether such a line would be written: who has to gather it asks first. */
  isOn(level: LogLevel): boolean;
  write(level: Exclude<LogLevel, 'silent'>, message: string, fields?: object): void;
  /** Resolves when what was written is with its writer. */
  flush(): Promise<void>;
}

export const noLog: ServerLog = {
  isOn: () => false,
  write: () => undefined,
  flush: () => Promise.resolve(),
};

/** pino writes the lines; it is loaded with the first one, since most servers never write any. */
export function serverLog(
  { clock }: Pick<Env, 'clock'>,
  { level: least, write }: LogOptions,
): ServerLog {
  if (least === 'silent') return noLog;
  const from = logLevels.indexOf(least);
  let loading: ReturnType<typeof loadPino> | null = null;
  const isOn = (level: LogLevel): boolean => logLevels.indexOf(level) >= from;
  return {
    isOn,
    write(level, message, fields = {}) {
      if (!isOn(level)) return;
      // The moment of the line is now, whenever it is written.
      const line = { time: new Date(clock.now()).toISOString(), ...fields };
      loading ??= loadPino(least, write);
      void loading.then((logger) => logger[level](line, message));
    },
    async flush() {
      await loading;
    },
  };
}

async function loadPino(level: LogLevel, write: (line: string) => void) {
  const { pino } = await import('pino');
  const options = {
    level,
    base: null,
    timestamp: false,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return pino(options, { write });
}
