// What a verb is: its words, declared as data (parsing, help and suggestions are made from them),
// and what it does with what it was given.
import type { Context } from './context.js';

export interface PositionalSpec {
  readonly describe: string;
  /** What stands for it in the usage, its own name if not given. */
  readonly label?: string | undefined;
  /** May be left out; only the last one. */
  readonly optional?: boolean | undefined;
}

export interface OptionSpec {
  readonly describe: string;
  /** What stands for the value in the help (`--tag TAG`); an option without one is a flag. */
  readonly value?: string | undefined;
  readonly required?: boolean | undefined;
  /** May be given several times; all of them come joined by commas. Of every other one the last counts. */
  readonly list?: boolean | undefined;
}

export type Positionals = Readonly<Record<string, PositionalSpec>>;
export type Options = Readonly<Record<string, OptionSpec>>;

/** Texts as given on the command line; a flag is true or false, an option left out undefined. */
export type Given<P extends Positionals, O extends Options> = {
  readonly [K in keyof P]: P[K] extends { optional: true } ? string | undefined : string;
} & {
  readonly [K in keyof O]: O[K] extends { value: string }
    ? O[K] extends { required: true }
      ? string
      : string | undefined
    : boolean;
};

export interface Command<P extends Positionals = Positionals, O extends Options = Options> {
  readonly name: string;
  readonly summary: string;
  readonly positionals: P;
  readonly options: O;
  /** Command line and what it is for. */
  readonly examples: readonly (readonly [string, string])[];
  /** Below the examples, for what a script must know. */
  readonly notes?: readonly string[] | undefined;
  /** Exit status when it is not 0; errors are thrown. */
  execute(context: Context, given: Given<P, O>): Promise<number | void>;
}

/** A verb whose types are forgotten, for the table of all verbs. */
export interface AnyCommand extends Omit<Command, 'execute'> {
  execute(
    context: Context,
    given: Record<string, string | boolean | undefined>,
  ): Promise<number | void>;
}

/** Checks the verb's body against its own words. The parser keeps to the declaration. */
export function defineCommand<const P extends Positionals, const O extends Options>(
  command: Command<P, O>,
): AnyCommand {
  return {
    ...command,
    execute: (context, given) => command.execute(context, given as Given<P, O>),
  };
}

/** `backup <name> [--tag TAG]` */
export function usageOf(command: Pick<AnyCommand, 'name' | 'positionals' | 'options'>): string {
  const words = [command.name];
  for (const [name, spec] of Object.entries(command.positionals)) {
    words.push(spec.optional === true ? `[${spec.label ?? name}]` : `<${spec.label ?? name}>`);
  }
  for (const [name, spec] of Object.entries(command.options)) {
    const text = spec.value === undefined ? `--${name}` : `--${name} ${spec.value}`;
    words.push(spec.required === true ? text : `[${text}]`);
  }
  return words.join(' ');
}
