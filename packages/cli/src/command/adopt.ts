// Brings a plain LevelDB folder over: imported beside, verified, swapped by the engine.
import { basename, dirname } from 'node:path';
import { adopt as adoptFolder } from '@pamina/engine';
import { defineCommand } from '../command.js';
import { countOf } from '../print/units.js';

export const adopt = defineCommand({
  name: 'adopt',
  summary: 'Turn a folder that holds a plain LevelDB into a database',
  positionals: { folder: { describe: 'Folder of the LevelDB; no process may have it open' } },
  options: {
    name: { value: 'NAME', describe: 'Name of the database; default that of the folder' },
  },
  examples: [
    ['pamina adopt ./pamina-data/orders', 'the folder becomes the database orders'],
    ['pamina adopt ./my-app/level --name orders', 'a database embedded in an application'],
  ],
  async execute(context, given) {
    const { env, output, signal } = context;
    const folder = context.path(given.folder);
    const adopted = await context.during(`Adopting ${folder}`, (progress) =>
      adoptFolder(folder, {
        env,
        name: given.name,
        signal,
        onProgress: ({ entries }) => {
          progress({ step: 'importing', done: entries, total: null, unit: 'entries' });
        },
      }),
    );
    const { name, entries, keptIn } = adopted;
    await output.result({ folder, ...adopted }, () =>
      [
        `Adopted ${folder} as the database ${name}: ${countOf(entries, 'entry', 'entries')}`,
        `The files of the LevelDB are kept in ${keptIn}; remove them when you are content.`,
      ].join('\n'),
    );
    if (basename(folder) !== name) {
      output.note(`Applications open it by its path; in a data folder it must be named ${name}.`);
    } else if (dirname(folder) !== context.places.dataFolder) {
      output.note(`The other verbs find it with --data ${dirname(folder)}.`);
    }
  },
});
