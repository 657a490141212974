// Restores a database with the host's own code, and is killed (kill -9) right before a given change to
// the disk. Prints how many changes there were. Arguments: DATA_FOLDER NAME OPTIONS_AS_JSON KILL_AT
import { nodeEnv, type Disk } from '@pamina/env';
import { Host } from '@pamina/server';

const [dataFolder = '', name = '', options = '{}', killAt = '0'] = process.argv.slice(2);
let changes = 0;

function change(): void {
  changes += 1;
  if (changes === Number(killAt)) process.kill(process.pid, 'SIGKILL');
}

/** Every call that changes what is on disk, in the order in which they are made. */
const changing: readonly (keyof Disk)[] = [
  'replaceFile',
  'createFile',
  'appendFile',
  'rename',
  'remove',
  'removeTree',
  'makeFolder',
  'syncFolder',
  'lockFile',
];

function dyingDisk(disk: Disk): Disk {
  const wrapped: Record<string, unknown> = { ...disk };
  for (const call of changing) {
    const original = disk[call] as (...values: unknown[]) => Promise<unknown>;
    wrapped[call] = (...values: unknown[]): Promise<unknown> => {
      change();
      return original.apply(disk, values);
    };
  }
  wrapped['open'] = async (...values: Parameters<Disk['open']>) => {
    if (values[1] !== 'read') change();
    const file = await disk.open(...values);
    return {
      ...bound(file),
      write: (bytes: Uint8Array, at: number) => {
        change();
        return file.write(bytes, at);
      },
      datasync: () => {
        change();
        return file.datasync();
      },
      sync: () => {
        change();
        return file.sync();
      },
    };
  };
  return wrapped as unknown as Disk;
}

function bound(file: Awaited<ReturnType<Disk['open']>>): typeof file {
  return {
    path: file.path,
    write: (bytes, at) => file.write(bytes, at),
    read: (into, at) => file.read(into, at),
    datasync: () => file.datasync(),
    sync: () => file.sync(),
    truncate: (bytes) => file.truncate(bytes),
    size: () => file.size(),
    close: () => file.close(),
  };
}

const env = nodeEnv();
const host = await Host.open({ env: { ...env, disk: dyingDisk(env.disk) }, dataFolder });
await host.restore(name, JSON.parse(options) as Parameters<Host['restore']>[1]);
await host.close();
console.log(`changes ${changes}`);
