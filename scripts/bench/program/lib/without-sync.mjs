// The world with a disk that says at once that everything is synced: what a sync costs is the
// difference. Counts what it was asked for, since a bench of syncs that nobody asked for says nothing.
import { nodeEnv } from 'pamina';

let asked = 0;

export function syncsAskedFor() {
  return asked;
}

export function withoutSync() {
  const env = nodeEnv();
  const open = async (...args) => {
    const file = await env.disk.open(...args);
    return inPlaceOf(file, { datasync: pretend, sync: pretend });
  };
  return { ...env, disk: inPlaceOf(env.disk, { open }) };
}

function pretend() {
  asked += 1;
  return Promise.resolve();
}

/** The same thing with some methods of ours; the others are called on the thing itself. */
function inPlaceOf(thing, methods) {
  const answers = new Map(Object.entries(methods));
  return new Proxy(thing, {
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
