// Streams an NDJSON file (or stdin) into a database, as fast as it commits.
import { PaminaError } from '@pamina/format';
import type { Entry } from '@pamina/wire';
import { defineCommand } from '../command.js';
import type { Context } from '../context.js';
import { countOf } from '../print/units.js';
import { fileBytes } from '../ndjson/file-bytes.js';
import { importedEntries } from '../ndjson/entries.js';

export const importEntries = defineCommand({
  name: 'import',
  summary: 'Load a file of one JSON object a line',
  positionals: {
    name: { describe: 'Name of the database' },
    file: { describe: 'NDJSON file, - for stdin' },
  },
  options: {
    key: { value: 'FIELD', describe: 'Field whose value becomes the key', required: true },
    value: {
      value: 'FIELD',
      describe: 'Field to store (text as it is, else its JSON); default the whole line',
    },
  },
  examples: [
    ['pamina import cities cities.ndjson --key cityId', 'each line is stored under its cityId'],
    ['zcat cities.ndjson.gz | pamina import cities - --key cityId', 'from stdin'],
  ],
  async execute(context, given) {
    const { name, file } = given;
    const administration = await context.administrationOf(name);
    const where = file === '-' ? 'stdin' : file;
    const fields = { where, keyField: given.key, valueField: given.value };
    const source = remembering(importedEntries(bytesOf(context, file), fields));
    const report = await context.during(`Importing ${where}`, async (progress) => {
      try {
        return await administration.importEntries(name, source.entries, progress);
      } catch (error) {
        throw source.failure() ?? error;
      }
    });
    await context.output.result(
      report,
      () =>
        `Imported ${countOf(report.entries, 'entry', 'entries')} into ${name}, position ${report.position}`,
    );
  },
});

interface Remembering {
  readonly entries: AsyncIterable<Entry>;
  /** null while nothing was thrown. */
  failure(): unknown;
}

/** Keeps what the source threw: over HTTP it only shows as a request that broke off. */
function remembering(source: AsyncIterable<Entry>): Remembering {
  let failure: unknown = null;
  const entries = (async function* () {
    try {
      yield* source;
    } catch (error) {
      failure = error;
      throw error;
    }
  })();
  return { entries, failure: () => failure };
}

async function* bytesOf(context: Context, file: string): AsyncGenerator<Uint8Array> {
  const { io, env, signal } = context;
  if (file === '-' && io.stdin === undefined) {
    throw new PaminaError('IMPORT_INVALID', 'There is no stdin to read from');
  }
  const source =
    file === '-' && io.stdin !== undefined ? io.stdin : fileBytes(env.disk, context.path(file));
  for await (const bytes of source) {
    signal.throwIfAborted();
    yield bytes;
  }
}
