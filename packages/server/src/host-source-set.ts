// The properties of a replica's archive: how often it is looked at, when it is followed, and that there is
// none any more.

import type { Control, Database, SourceArchive } from '@pamina/engine';
import {
  PaminaError,
  sourceArchiveAfterMsMax,
  sourceArchivePollMsMax,
  sourceArchivePollMsMin,
} from '@pamina/format';
import { integer, invalid } from './property-value.js';

type Setter = (database: Database, value: string, name: string) => Promise<void>;

export const sourceSetters: Readonly<Record<string, Setter>> = {
  sourceArchive: async (database, value, name) => {
    if (value !== 'none') {
      throw invalid(
        `sourceArchive is set with \`pamina replicate ${name} --master MASTER --from-archive ARCHIVE\`; here it can be none only`,
      );
    }
    requireSource(database, name);
    await database.updateControl({ sourceArchive: null });
  },
  sourceArchivePollMs: async (database, value, name) => {
    const pollMs = integer(value, sourceArchivePollMsMin, sourceArchivePollMsMax);
    const source = requireSource(database, name);
    await database.updateControl({ sourceArchive: { ...source, pollMs } });
  },
  sourceArchiveAfterMs: async (database, value, name) => {
    const afterMs = integer(value, 0, sourceArchiveAfterMsMax);
    const source = requireSource(database, name);
    await database.updateControl({ sourceArchive: { ...source, afterMs } });
  },
};

export function sourceProperties({ sourceArchive = null }: Control): Record<string, unknown> {
  if (sourceArchive === null) return {};
  const { address, afterMs, pollMs } = sourceArchive;
  return {
    sourceArchive: address,
    sourceArchivePollMs: pollMs,
    sourceArchiveAfterMs: afterMs,
  };
}

function requireSource({ control }: Database, name: string): SourceArchive {
  const { sourceArchive = null, type } = control;
  if (type === 'replica' && sourceArchive !== null) return sourceArchive;
  throw new PaminaError('DATABASE_TYPE', `${name} is no replica with an archive to follow`, {
    hint: `Give it one with \`pamina replicate ${name} --master MASTER --from-archive ARCHIVE\`.`,
  });
}
