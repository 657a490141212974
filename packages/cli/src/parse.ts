// From the command line to a verb and what it was given. yargs parses and prints the help; the
// words go through it as opaque placeholders, because it would otherwise read `007` as a number
// and take the quotes off a JSON string.
import { PaminaError } from '@pamina/format';
import yargs, { type Argv } from 'yargs';
import { type AnyCommand, type OptionSpec, usageOf } from './command.js';
import { globalOptions } from './global-options.js';
import { checkWords, findCommand, placeholder, splitWords } from './words.js';

export interface ParsedCommand {
  readonly command: AnyCommand;
  readonly given: Record<string, string | boolean | undefined>;
}

/** Help or version: text for stdout. */
export interface ParsedText {
  readonly text: string;
}

export interface ParseOptions {
  readonly commands: readonly AnyCommand[];
  readonly version: string;
  readonly columns: number;
}

/** Throws USAGE. */
export async function parseCommandLine(
  argv: readonly string[],
  options: ParseOptions,
): Promise<ParsedCommand | ParsedText> {
  const words = splitWords(argv, options.commands);
  const command = findCommand(words, options.commands);
  if (command !== null && !words.help) checkWords(words, command);
  let parsed: ParsedCommand | null = null;
  // yargs takes long over each verb: the help alone is of all of them.
  const commands = command === null ? options.commands : [command];
  const parser = buildParser({ ...options, commands }, (chosen, given) => {
    parsed = {
      command: chosen,
      given: { ...flagsOff(chosen), ...restoreAll(joinLists(chosen, given), words.values) },
    };
  });
  let text = '';
  await parser.parseAsync(words.encoded, {}, (_error, _given, output) => {
    text = output;
  });
  // A closure set it, which the compiler cannot follow.
  const result = parsed as ParsedCommand | null;
  if (result !== null) return result;
  return { text };
}

function buildParser(
  options: ParseOptions,
  chosen: (command: AnyCommand, given: Record<string, unknown>) => void,
): Argv {
  const parser = yargs()
    .scriptName('pamina')
    .usage(
      'pamina <verb> …\n\nA database on LevelDB whose every commit is in a log that can be shipped.',
    )
    .locale('en')
    .exitProcess(false)
    .wrap(Math.max(60, Math.min(100, options.columns)))
    .version(options.version)
    .help('help', 'Show the help of the verb')
    .alias('help', 'h')
    .strict()
    .demandCommand(1)
    .parserConfiguration({
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'dot-notation': false,
      'camel-case-expansion': false,
      'boolean-negation': false,
      'duplicate-arguments-array': true,
      'short-option-groups': false,
    })
    .updateStrings({ 'Commands:': 'Verbs:' })
    .epilogue('pamina <verb> --help shows the options of a verb and examples.')
    .fail((message: string, error: Error | undefined) => {
      throw error instanceof PaminaError ? error : new PaminaError('USAGE', message ?? 'Unknown');
    });
  addOptions(parser, globalOptions, 'Global:');
  for (const command of options.commands) addCommand(parser, command, chosen);
  return parser;
}

function addCommand(
  parser: Argv,
  command: AnyCommand,
  chosen: (command: AnyCommand, given: Record<string, unknown>) => void,
): void {
  const words = Object.entries(command.positionals).map(([name, spec]) =>
    spec.optional === true ? `[${name}]` : `<${name}>`,
  );
  parser.command(
    [command.name, ...words].join(' '),
    command.summary,
    (builder) => {
      builder.usage(`pamina ${usageOf(command)}\n\n${command.summary}`);
      for (const [name, spec] of Object.entries(command.positionals)) {
        builder.positional(name, { type: 'string', describe: spec.describe });
      }
      addOptions(builder, command.options, 'Options:');
      for (const [line, what] of command.examples) builder.example(line, what);
      return builder.epilogue(command.notes?.join('\n') ?? '');
    },
    (given) => chosen(command, given as Record<string, unknown>),
  );
}

function addOptions(
  parser: Argv,
  options: Readonly<Record<string, OptionSpec>>,
  group: string,
): void {
  for (const [name, spec] of Object.entries(options)) {
    const describe = spec.value === undefined ? spec.describe : `${spec.describe} (${spec.value})`;
    parser.option(
      name,
      spec.value === undefined
        ? { type: 'boolean', describe, group }
        : { type: 'string', requiresArg: true, describe, group },
    );
  }
}

function flagsOff(command: AnyCommand): Record<string, boolean> {
  const options = Object.entries<OptionSpec>({ ...globalOptions, ...command.options });
  const flags = options.filter(([, spec]) => spec.value === undefined);
  return Object.fromEntries(flags.map(([name]) => [name, false]));
}

/** What was given several times. */
function joinLists(command: AnyCommand, given: Record<string, unknown>): Record<string, unknown> {
  const single = Object.entries(given).map(([name, value]) => {
    if (name === '_' || !Array.isArray(value)) return [name, value];
    const isList = Object.hasOwn(command.options, name) && command.options[name]?.list === true;
    return [name, isList ? value.join(',') : value.at(-1)];
  });
  return Object.fromEntries(single) as Record<string, unknown>;
}

function restoreAll(
  given: Record<string, unknown>,
  values: readonly string[],
): Record<string, string | boolean | undefined> {
  const restored: Record<string, string | boolean | undefined> = {};
  for (const [name, value] of Object.entries(given)) {
    if (typeof value === 'boolean') restored[name] = value;
    if (typeof value !== 'string') continue;
    restored[name] = value.replace(
      placeholder,
      (_all, index: string) => values[Number(index)] ?? '',
    );
  }
  return restored;
}
