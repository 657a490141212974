// What the torture `network` and its client processes say to each other.

export interface NetworkConfiguration {
  readonly database: string;
  /** Of those who never read, every second asks there. */
  readonly replica: string;
  /** Path of the directory file. */
  readonly directory: string;
  readonly token: string;
  readonly journal: string;
  /** The number of the first client of this process. */
  readonly first: number;
  readonly clients: number;
  /** Connections that ask and never read, beside them. */
  readonly silent: number;
  readonly seed: number;
  readonly pauseMsMax: number;
  /** One client forgets a write that it made, to show that this is found. */
  readonly isSpoiled?: boolean | undefined;
}

export interface NetworkFigures {
  /** How often, by kind of call, since the process began. */
  readonly done: Readonly<Record<string, number>>;
  /** By code. */
  readonly refusals: Readonly<Record<string, number>>;
  /** ms, of what was done since the line before. */
  readonly latencies: readonly number[];
}

export type NetworkSaid =
  | { readonly figures: NetworkFigures }
  | { readonly fault: { readonly where: string; readonly what: string } };

export function lineOf(said: NetworkSaid): string {
  return `${JSON.stringify(said)}\n`;
}

/** The value behind which those who never read ask, again and again. */
export const largeKey = 'large';
export const largeBytes = 1024 * 1024;
