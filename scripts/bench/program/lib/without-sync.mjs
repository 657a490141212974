// The world with a disk that says at once that everything is synced: what a sync costs is the
// difference. Counts what it was asked for, since a bench of syncs that nobody asked for says nothing.
import { nodeEnv } from 'pamina';

let asked = 0;

export function syncsAskedFor() {
  return asked;
}

export function withoutSync() {
  const env = nodeEnv();
  const open = async (...args) => unsyncedFile(await env.disk.open(...args));
  return { ...env, disk: { ...env.disk, open } };
}

function unsyncedFile(file) {
  const sync = () => {
    asked += 1;
    return Promise.resolve();
  };
  const answers = new Map([
    ['datasync', sync],
    ['sync', sync],
  ]);
  return new Proxy(file, {
    get(target, name) {
      const known = answers.get(name);
      if (known !== undefined) return known;
      const value = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      const bound = value.bind(target);
      answers.set(name, bound);
      return bound;
    },
  });
}
