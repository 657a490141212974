// Opens what is compared: Pamina, or the bare classic-level (which is what `level` is in Node.js) with
// the options that Pamina gives to its own store.
import { Level } from 'level';
import { Pamina } from 'pamina';
import { withoutSync } from './without-sync.mjs';

export async function openStore({
  engine,
  folder,
  storeOptions,
  encoding,
  segmentBytes,
  unsynced,
}) {
  const store =
    engine === 'pamina'
      ? new Pamina(folder, {
          valueEncoding: encoding,
          ...(segmentBytes === undefined ? {} : { segmentBytes }),
          ...(unsynced === true ? { env: withoutSync() } : {}),
        })
      : new Level(folder, { ...storeOptions, valueEncoding: encoding });
  await store.open();
  return store;
}

/** A durable put: with Pamina every put is. */
export function durablePut(store, engine) {
  if (engine === 'pamina') return (key, value) => store.put(key, value);
  const options = { sync: true };
  return (key, value) => store.put(key, value, options);
}
