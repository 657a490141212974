import { expect, it } from 'vitest';
import { fakeAdministration, notFound, runCommand, runWith } from '../fake-administration.js';

it('sets a replica to follow its master', async () => {
  const administration = fakeAdministration();
  const ran = await runWith(administration, [
    'replicate',
    'r1',
    '--master',
    'cities',
    '--recreate',
  ]);
  expect(ran.out).toBe('r1: replica, catching-up, position 1/488, replica of cities\n');
  expect(administration.calls[0]).toEqual([
    'replicate',
    'r1',
    { master: 'cities', simultaneousQuery: undefined, recreate: true },
  ]);
});

it('leaves simultaneous query as it is unless told', async () => {
  const administration = fakeAdministration();
  await runWith(administration, ['replicate', 'r1', '--master', 'cities']);
  const argv = ['replicate', 'r1', '--master', 'cities', '--simultaneous-query'];
  await runWith(administration, argv);
  const given = administration.calls
    .filter(([verb]) => verb === 'replicate')
    .map(([, , options]) => options);
  expect(given).toMatchObject([{ simultaneousQuery: undefined }, { simultaneousQuery: true }]);
});

it('is done by the administration of the data folder when the name is nowhere yet', async () => {
  const here = fakeAdministration();
  const asked: (string | null)[] = [];
  const findTarget = (name: string | null) => {
    asked.push(name);
    return name === null ? Promise.resolve(here) : Promise.reject(notFound(name));
  };
  const ran = await runCommand(['replicate', 'r1', '--master', 'cities'], {
    parts: { findTarget },
  });
  expect(ran.status).toBe(0);
  expect(asked).toEqual(['r1', null]);
});

it('P9 says what simultaneous query permits for now', async () => {
  const argv = ['replicate', 'r1', '--master', 'cities', '--simultaneous-query'];
  expect((await runWith(fakeAdministration(), argv)).err).toContain('snapshot reads');
});

it('takes an archive of the master, with paths below the folder where it runs', async () => {
  const administration = fakeAdministration();
  const argv = ['replicate', 'r1', '--master', 'cities', '--from-archive'];
  await runWith(administration, [...argv, './archive', '--identity-file', 'key.txt']);
  await runWith(administration, [...argv, 's3://bucket/pamina']);
  const given = administration.calls
    .filter(([verb]) => verb === 'replicate')
    .map(([, , options]) => options);
  expect(given).toMatchObject([
    {
      master: 'cities',
      fromArchive: expect.stringMatching(/^\/.*archive$/) as string,
      identityFile: expect.stringMatching(/^\/.*key\.txt$/) as string,
    },
    { fromArchive: 's3://bucket/pamina', credentialsFile: undefined },
  ]);
  const keysAlone = ['replicate', 'r1', '--master', 'cities', '--credentials-file', 'keys.ini'];
  expect((await runWith(administration, keysAlone)).err).toContain('--from-archive');
});
