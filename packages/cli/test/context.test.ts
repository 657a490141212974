import { expect, it } from 'vitest';
import { placesOf } from '../src/context.js';

it('places come from options, then the environment, then the default below the working folder', () => {
  const io = { cwd: '/home/me', env: { PAMINA_DATA: '/env/data', PAMINA_DIRECTORY: 'names.json' } };
  expect(placesOf({}, { cwd: '/home/me', env: {} })).toEqual({
    dataFolder: '/home/me/pamina-data',
    directoryFile: '/home/me/pamina-data/directory.json',
    tokenFile: null,
  });
  expect(placesOf({}, io)).toMatchObject({
    dataFolder: '/env/data',
    directoryFile: '/home/me/names.json',
  });
  expect(placesOf({ data: 'd', directory: '/x/y.json', tokenFile: 't' }, io)).toEqual({
    dataFolder: '/home/me/d',
    directoryFile: '/x/y.json',
    tokenFile: '/home/me/t',
  });
});

it('an empty environment variable counts as not set', () => {
  const io = { cwd: '/w', env: { PAMINA_DATA: '', PAMINA_DIRECTORY: '' } };
  expect(placesOf({}, io)).toMatchObject({
    dataFolder: '/w/pamina-data',
    directoryFile: '/w/pamina-data/directory.json',
  });
});
