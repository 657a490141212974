// What a change of the disk is called: the operation and the kind of what it touches. A kill point is
// named so, whatever numbers and random letters stand in the paths.

/** The first that fits a path below the place; what is above stands in nobody's way. */
const kinds: readonly (readonly [RegExp, string])[] = [
  [/^archive\/.*\/log\/[^/]+\/[^/]+\.part$/, 'part of an archived segment'],
  [/^archive\/.*\/log\/[^/]+\/[^/]+\.seg$/, 'archived segment'],
  [/^archive\/.*\/backups\/[^/]+\/manifest$/, 'archived manifest'],
  [/^archive\/.*\/backups\/[^/]+\/[^/]+$/, 'file of an archived backup'],
  [/^archive\/.*\/tables\//, 'shared file of archived backups'],
  [/^archive\/.*heartbeat$/, 'heartbeat of the archive'],
  [/^archive\b/, 'folder of the archive'],
  [/\/backups\/[^/]+\.partial\/manifest$/, 'manifest of a partial backup'],
  [/\/backups\/[^/]+\.partial\/[^/]+$/, 'file of a partial backup'],
  [/\/backups\/[^/]+\.partial$/, 'partial backup'],
  [/\/backups\/[^/]+\.removing$/, 'backup that goes'],
  [/\/backups\/[^/]+\/audit\.json$/, 'audit note of a backup'],
  [/\/backups\/[^/]+$/, 'backup'],
  [/\/backups$/, 'folder of backups'],
  [/\/\.[^/]+\.restoring-[^/]+\/control\.json$/, 'control.json of a partial restore'],
  [/\/\.[^/]+\.restoring-[^/]+\/./, 'file of a partial restore'],
  [/\/\.[^/]+\.restoring-[^/]+$/, 'partial restore'],
  [/\/\.restored-[^/]+\/replaces$/, 'note of what a restored database replaces'],
  [/\/\.restored-[^/]+\/control\.json$/, 'control.json of a restored database'],
  [/\/\.restored-[^/]+\/./, 'file of a restored database'],
  [/\/\.restored-[^/]+$/, 'restored database'],
  [/\/\.replaced\/./, 'database kept aside'],
  [/\/\.replaced$/, 'folder of databases kept aside'],
  [/\/store\.checkpoint\b/, 'checkpoint of the store'],
  [/\/store\.rebuilding\b/, 'store that is being built'],
  [/\/store\.rebuilt$/, 'built store'],
  [/\/store\.kept-[^/]+$/, 'store kept aside'],
  [/\/store\.rebuild-lock\b/, 'lock of the rebuild'],
  [/\/store$/, 'store'],
  [/\/store\//, 'file of the store'],
  [/\/log\/synced$/, 'log/synced'],
  [/\/log\b/, 'log'],
  [/\/control\.json$/, 'control.json'],
  [/\/checkpoint\.json$/, 'checkpoint.json'],
  [/\/archives\/|\/archive-[^/]+\.json$/, 'note of an archive'],
  [/\/job\.log/, 'job log'],
  [/\/open-in-[^/]+$/, 'marker of the process'],
  [/\/replaces$/, 'note of what a restored database replaces'],
  [/^data\/[^/.][^/]*$/, 'database'],
  [/^data\/[^/.]+\/[^/]+$/, 'file of the database'],
  [/^data$/, 'data folder'],
];

/** What every life of a database does, whatever it is opened for: not part of the work that is struck. */
const ofOpening: ReadonlySet<string> = new Set([
  'log/synced',
  'log',
  'checkpoint.json',
  'job log',
  'marker of the process',
  'lock of the rebuild',
]);

export function kindOf(path: string): string {
  const name = path.replace(/\.tmp-[0-9a-f]+$/, '');
  return kinds.find(([pattern]) => pattern.test(name))?.[1] ?? `something else (${name})`;
}

/** `rename partial backup to backup`; null for what is not struck. */
export function stepName(operation: string, path: string, to: string | null): string | null {
  const [kind, other] = [kindOf(path), to === null ? null : kindOf(to)];
  if (ofOpening.has(kind)) return null;
  return other === null ? `${operation} ${kind}` : `${operation} ${kind} to ${other}`;
}
