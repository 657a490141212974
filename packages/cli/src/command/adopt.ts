// Brings a plain LevelDB folder over: imported beside, verified, swapped by the engine.
import { basename } from 'node:path';
import { adopt as adoptFolder } from '@pamina/engine';
import { defineCommand } from '../command.js';

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
    const folder = context.path(given.folder);
    const name = given.name ?? basename(folder);
    await context.during(`Adopting ${folder}`, (onProgress) =>
      adoptFolder(folder, { env: context.env, name, onProgress }),
    );
    await context.output.result(
      { folder, name },
      () => `Adopted ${folder} as the database ${name}`,
    );
  },
});
