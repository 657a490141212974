import { expect, it } from 'vitest';
import { placesOf } from '../src/context.js';

it('places come from options, then the environment, then the default below the working folder', () => {
  const io = { cwd: '/home/me', env: { PAMINA_DATA: '/env/data', PAMINA_DIRECTORY: 'names.json' } };
  expect(placesOf({}, { cwd: '/home/me', env: {} })).toEqual({
    dataFolder: '/home/me/pamina-data',
    directory: '/home/me/pamina-data/directory.json',
    tokenFile: null,
    tls: {},
  });
  expect(placesOf({}, io)).toMatchObject({
    dataFolder: '/env/data',
    directory: '/home/me/names.json',
  });
  expect(placesOf({ data: 'd', directory: '/x/y.json', tokenFile: 't' }, io)).toEqual({
    dataFolder: '/home/me/d',
    directory: '/x/y.json',
    tokenFile: '/home/me/t',
    tls: {},
  });
});

it('certificates come from options, then the environment, each for itself', () => {
  const variables = {
    PAMINA_TLS_CA: 'ca.pem',
    PAMINA_TLS_CERT: '/env/cert.pem',
    PAMINA_TLS_KEY: '',
  };
  const io = { cwd: '/home/me', env: variables };
  expect(placesOf({ tlsCert: 'own.pem' }, io).tls).toEqual({
    ca: '/home/me/ca.pem',
    cert: '/home/me/own.pem',
  });
});

it('an empty environment variable counts as not set', () => {
  const io = { cwd: '/w', env: { PAMINA_DATA: '', PAMINA_DIRECTORY: '' } };
  expect(placesOf({}, io)).toMatchObject({
    dataFolder: '/w/pamina-data',
    directory: '/w/pamina-data/directory.json',
  });
});
