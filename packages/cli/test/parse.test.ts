import { describe, expect, it } from 'vitest';
import { commands } from '../src/commands.js';
import { parseCommandLine } from '../src/parse.js';

async function given(...argv: string[]): Promise<Record<string, unknown>> {
  const parsed = await parseCommandLine(argv, { commands, version: '1.2.3', columns: 80 });
  if ('text' in parsed) throw new Error(`text: ${parsed.text}`);
  return { verb: parsed.command.name, ...parsed.given };
}

async function text(...argv: string[]): Promise<string> {
  const parsed = await parseCommandLine(argv, { commands, version: '1.2.3', columns: 80 });
  return 'text' in parsed ? parsed.text : 'no text';
}

async function refusal(...argv: string[]): Promise<string> {
  try {
    await given(...argv);
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return `${code}: ${message}`;
  }
  return 'accepted';
}

describe('the words of a command line', () => {
  it.each([
    ['007', '1e3'],
    ['"quoted"', "'single'"],
    ['true', 'false'],
    ['', ' '],
    ['-5', '-0.5'],
    ['a=b', '--'.slice(0, 1)],
    ['\u00020\u0002', '{"a":[1,2]}'],
    ['ключ', 'line\nbreak'],
  ])('reach the verb unchanged: %j %j', async (key, value) => {
    expect(await given('put', 'cities', key, value)).toMatchObject({
      verb: 'put',
      name: 'cities',
      key,
      value,
    });
  });

  it('after -- are never options', async () => {
    expect(await given('put', 'cities', '--', '--json', '--')).toMatchObject({
      key: '--json',
      value: '--',
      json: false,
    });
  });

  it('as option values reach the verb unchanged, in both spellings', async () => {
    expect(await given('backup', 'cities', '--tag', '"007"')).toMatchObject({ tag: '"007"' });
    expect(await given('backup', 'cities', '--tag=a=b')).toMatchObject({ tag: 'a=b' });
    expect(await given('backup', 'cities', '--tag=')).toMatchObject({ tag: '' });
  });

  it('may have global options before and after the verb', async () => {
    expect(await given('--data', 'list', '--json', 'status', 'cities')).toMatchObject({
      verb: 'status',
      data: 'list',
      json: true,
      name: 'cities',
    });
    expect(await given('status', '--data=x', 'cities')).toMatchObject({
      data: 'x',
      name: 'cities',
    });
  });

  it('leave options that were not given undefined and flags false', async () => {
    const parsed = await given('backup', 'cities');
    expect(parsed['tag']).toBeUndefined();
    expect(parsed['json']).toBe(false);
  });
});

describe('P9 what is not understood is refused with what to write instead', () => {
  it.each([
    [['bakcup', 'cities'], 'USAGE: There is no verb "bakcup", did you mean backup?'],
    [['xyzzy'], 'USAGE: There is no verb "xyzzy"'],
    [
      ['backup', 'cities', '--tga', 'x'],
      'USAGE: There is no option --tga for backup, did you mean --tag?',
    ],
    [['list', '--jsno'], 'USAGE: There is no option --jsno for list, did you mean --json?'],
    [['--jsno'], 'USAGE: There is no option --jsno, did you mean --json?'],
    [['list', '-x'], 'USAGE: There is no option -x for list'],
    [['list', '--no-json'], 'USAGE: There is no option --no-json for list, did you mean --json?'],
    [['list', '--json=true'], 'USAGE: --json takes no value'],
    [
      ['put', 'cities', 'a'],
      'USAGE: <value> missing: pamina put <name> <key> <value> [--replicas N] [--names A,B] [--policy POLICY] [--timeout-ms MS]',
    ],
    [
      ['backup'],
      'USAGE: <name> missing: pamina backup <name> [--incremental] [--tag TAG] [--form FORM] [--compression CODEC]',
    ],
    [['list', 'cities'], 'USAGE: "cities" is one word too many: pamina list'],
    [
      ['replicate', 'x'],
      'USAGE: --master missing: pamina replicate <name> --master MASTER [--simultaneous-query] [--recreate] [--from-archive ARCHIVE] [--identity-file FILE] [--credentials-file FILE]',
    ],
    [['backup', 'x', '--tag'], 'USAGE: Not enough arguments following: tag'],
    [[], 'USAGE: A verb is missing'],
    [['constructor'], 'USAGE: There is no verb "constructor"'],
    [['list', '--__proto__', 'x'], 'USAGE: There is no option --__proto__ for list'],
  ])('%j', async (argv, expected) => {
    expect(await refusal(...argv)).toBe(expected);
  });
});

describe('help', () => {
  it('lists all verbs and the global options', async () => {
    const help = await text('--help');
    for (const command of commands) expect(help).toContain(`pamina ${command.name}`);
    expect(help).toContain('--token-file');
    expect(help).toContain('PAMINA_DATA');
  });

  it.each(commands.map((command) => [command.name, command] as const))(
    'of %s has its usage and examples, and parses them',
    async (name, command) => {
      for (const help of [
        await text(name, '--help'),
        await text('help', name),
        await text(name, '-h'),
      ]) {
        expect(help).toContain(command.summary.slice(0, 30));
        expect(help).toContain('Examples:');
      }
      expect(command.examples.length).toBeGreaterThan(0);
      for (const [line] of command.examples) {
        expect(line).toContain(`pamina ${name}`);
      }
    },
  );

  it('prints the version', async () => {
    expect(await text('--version')).toBe('1.2.3');
  });
});

it('an option given several times counts as a list where it is one, else the last time', async () => {
  expect(
    await given(
      'serve',
      '--listen',
      'a:1',
      '--allow-master',
      'x',
      '--listen=b:2',
      '--allow-master=y:3,z',
    ),
  ).toMatchObject({ verb: 'serve', listen: 'b:2', 'allow-master': 'x,y:3,z', insecure: false });
  expect(await given('serve', '--allow-master', 'x')).toMatchObject({ 'allow-master': 'x' });
  expect(await given('list', '--data', 'a', '--data', 'b', '--json', '--json')).toMatchObject({
    data: 'b',
    json: true,
  });
});
