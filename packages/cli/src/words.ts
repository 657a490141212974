// The words of a command line, told apart before yargs sees them: verb, options, what they are
// given. What is wrong is said here, in the words of the verb and with what was probably meant.
import { PaminaError } from '@pamina/format';
import { type AnyCommand, type OptionSpec, usageOf } from './command.js';
import { globalOptions } from './global-options.js';
import { nearest } from './suggest.js';

export interface Words {
  readonly verb: string | null;
  readonly encoded: readonly string[];
  readonly values: readonly string[];
  readonly optionNames: readonly string[];
  /** Of them those that came as `--name=value`. */
  readonly inlineNames: readonly string[];
  readonly positionals: readonly string[];
  readonly help: boolean;
}

/** Stands for `values[n]`. */
export const placeholder = /\u0002(\d+)\u0002/g;

/** `--` ends the options; what follows, and negative numbers, are words like others. */
export function splitWords(argv: readonly string[], commands: readonly AnyCommand[]): Words {
  const values: string[] = [];
  const encoded: string[] = [];
  const optionNames: string[] = [];
  const inlineNames: string[] = [];
  const positionals: string[] = [];
  let verb: string | null = null;
  let optionsEnded = false;
  let valueExpected = false;
  const hide = (text: string): string => `\u0002${values.push(text) - 1}\u0002`;
  for (const argument of argv) {
    if (argument === '--' && !optionsEnded) {
      optionsEnded = true;
      valueExpected = false;
    } else if (!optionsEnded && isOption(argument)) {
      const equals = argument.indexOf('=');
      const flag = equals === -1 ? argument : argument.slice(0, equals);
      optionNames.push(flag);
      encoded.push(flag);
      if (equals !== -1) {
        inlineNames.push(flag);
        encoded.push(hide(argument.slice(equals + 1)));
      }
      valueExpected = equals === -1 && takesValue(flag, verb, commands);
    } else if (valueExpected) {
      encoded.push(hide(argument));
      valueExpected = false;
    } else if (verb === null) {
      verb = argument;
      encoded.push(argument);
    } else {
      positionals.push(argument);
      encoded.push(hide(argument));
    }
  }
  const help = optionNames.some((name) => name === '--help' || name === '-h');
  return verb === 'help'
    ? { ...helpFor(positionals), values, optionNames, inlineNames }
    : { verb, encoded, values, optionNames, inlineNames, positionals, help };
}

/** `pamina help backup` is `pamina backup --help`. */
function helpFor(
  positionals: readonly string[],
): Pick<Words, 'verb' | 'encoded' | 'positionals' | 'help'> {
  const [verb] = positionals;
  const encoded = verb === undefined ? ['--help'] : [verb, '--help'];
  return { verb: verb ?? null, encoded, positionals: [], help: true };
}

function isOption(argument: string): boolean {
  return argument.startsWith('-') && argument !== '-' && !/^-\d/.test(argument);
}

function takesValue(flag: string, verb: string | null, commands: readonly AnyCommand[]): boolean {
  const name = flag.slice(2);
  const own = commands.find((command) => command.name === verb)?.options;
  return optionNamed(name, own)?.value !== undefined;
}

function optionNamed(
  name: string,
  own: Readonly<Record<string, OptionSpec>> | undefined,
): OptionSpec | undefined {
  if (own !== undefined && Object.hasOwn(own, name)) return own[name];
  return Object.hasOwn(globalOptions, name)
    ? globalOptions[name as keyof typeof globalOptions]
    : undefined;
}

export function findCommand(words: Words, commands: readonly AnyCommand[]): AnyCommand | null {
  if (words.verb === null) {
    const known = [
      '--help',
      '-h',
      '--version',
      ...Object.keys(globalOptions).map((name) => `--${name}`),
    ];
    const unknown = words.optionNames.find((name) => !known.includes(name));
    if (unknown !== undefined) throw unknownOption(unknown, known);
    if (words.help || words.optionNames.includes('--version')) return null;
    throw new PaminaError('USAGE', 'A verb is missing');
  }
  const found = commands.find((command) => command.name === words.verb);
  if (found !== undefined) return found;
  const near = nearest(
    words.verb,
    commands.map((command) => command.name),
  );
  throw new PaminaError(
    'USAGE',
    `There is no verb ${JSON.stringify(words.verb)}${near === null ? '' : `, did you mean ${near}?`}`,
  );
}

/** Says what is wrong in the words of this verb, before yargs says it in its own. */
export function checkWords(words: Words, command: AnyCommand): void {
  const known = ['--help', '-h', '--version'].concat(
    Object.keys({ ...command.options, ...globalOptions }).map((name) => `--${name}`),
  );
  for (const name of words.optionNames) {
    if (!known.includes(name)) throw unknownOption(name, known, command);
  }
  for (const name of words.inlineNames) {
    if (optionNamed(name.slice(2), command.options)?.value !== undefined) continue;
    throw new PaminaError('USAGE', `${name} takes no value`);
  }
  const specs = Object.entries(command.positionals);
  const missing = specs
    .slice(words.positionals.length)
    .filter(([, spec]) => spec.optional !== true);
  if (missing.length > 0) {
    const list = missing.map(([name, spec]) => `<${spec.label ?? name}>`).join(' and ');
    throw new PaminaError('USAGE', `${list} missing: pamina ${usageOf(command)}`);
  }
  const extra = words.positionals[specs.length];
  if (extra !== undefined) {
    throw new PaminaError(
      'USAGE',
      `${JSON.stringify(extra)} is one word too many: pamina ${usageOf(command)}`,
    );
  }
  for (const [name, spec] of Object.entries(command.options)) {
    if (spec.required === true && !words.optionNames.includes(`--${name}`)) {
      throw new PaminaError('USAGE', `--${name} missing: pamina ${usageOf(command)}`);
    }
  }
}

function unknownOption(name: string, known: readonly string[], command?: AnyCommand): PaminaError {
  const near = name.startsWith('--') ? nearest(name, known) : null;
  const where = command === undefined ? '' : ` for ${command.name}`;
  return new PaminaError(
    'USAGE',
    `There is no option ${name}${where}${near === null ? '' : `, did you mean ${near}?`}`,
  );
}
