// Planted bugs: each a small change of the real code that breaks one promise. The simulation must find
// every one of them, or it proves nothing about that promise.
import type { Edit, Mutation } from '../scripts/bundle.js';

/** Where the search for the rarer ones begins. */
const seedOf: ReadonlyMap<string, number> = new Map([
  ['a failed sync is taken for a good one', 136],
  ['every commit is acknowledged as if it had asked for memory', 6],
  ['a failed sync rejects its commits and the database goes on', 59],
  ['a tail that may be in the page cache only is not written again at open', 145],
  ['a close that may be in the page cache only is not done again at open', 46],
  ['a damaged middle is cut like a torn tail', 20829],
  ['replay begins at the applied position', 705],
  ['what a failed write left is rejected and not erased', 218],
  ['a commit whose sync failed is said to be rejected', 20022],
  ['what is joined for the store goes past the record that somebody waits for', 20072],
  ['a checkpoint is taken of what is durable, not of what is applied', 21],
  ['a commit that waits for a replica is acknowledged by its own disk alone', 6],
  ['the commit time follows the clock back', 41],
  ['retention forgets the replicas', 710],
  ['a replica confirms what it has received and not synced', 701],
  ['of several replicas that are held for one is forgotten', 412],
  ['a feed that has no more to send is not woken', 41],
  ['an old master that is shown who has its name goes on', 1250],
  ['an old master takes a replica of who has its name for a stranger', 1244],
  ['an old master is taken to have no more than who took its place', 627],
  ['a replica looks its master up only once', 2007],
  ['a replica says that it has what it is about to sync', 3564],
  ['a recovery forgets the log of incremental backups', 26],
  ['expiry keeps the log of the newest backup alone', 48],
  ['a replica is given up before its log has reached the cap', 20104],
  ['a replica that was given up is not told why', 20008],
  ['log counts as archived before the archive has it', 20013],
  ['an archive does not help where a master has given up the log', 13],
  ['a master that is out of reach is waited for without end', 45],
  ['who follows an archive does not go back to its master', 13],
  ['each look at an archive begins where the first one did', 45],
  ['what is received from the archive goes on beside what the master sends', 144],
  ['each of two failovers takes the name', 563],
  ['who takes over does not wait for the rest of its master', 171],
  ['an old master comes up though its name is taken', 41],
]);

function bug(name: string, ...edits: readonly Edit[]): Mutation {
  return { name, from: seedOf.get(name) ?? 1, edits };
}

function edit(file: string, find: string, replace: string): Edit {
  const [name = '', rest = ''] = file.split(' ');
  return { file: `packages/${name}/src/${rest}.ts`, find, replace };
}

const durability: readonly Mutation[] = [
  bug(
    'a commit is acknowledged before its record is synced',
    edit('log segment-writer', 'await this.#file.datasync();', ''),
  ),
  bug(
    'a failed sync is taken for a good one',
    edit(
      'log segment-writer',
      'await this.#file.datasync();',
      'await this.#file.datasync().catch(() => undefined);',
    ),
  ),
  bug(
    'every commit is acknowledged as if it had asked for memory',
    edit(
      'engine session-writer',
      "if (level === 'memory' && this.#acknowledgement.early())",
      'if (this.#acknowledgement.early())',
    ),
  ),
  bug(
    'a new segment has its name in the page cache only',
    edit(
      'log segment-writer',
      'if (prepared === null) await disk.syncFolder(dirname(segment.path));',
      '',
    ),
  ),
  bug(
    'a tail that may be in the page cache only is not written again at open',
    edit(
      'log settle-tail',
      'await copyInPlace(file, Math.min(proven, end.offset), end.offset);\n  await file.sync();',
      '',
    ),
  ),
  bug(
    'a close that may be in the page cache only is not done again at open',
    edit('log settle-tail', 'if (proven >= segment.bytes) return;', 'if (proven >= 0) return;'),
  ),
  bug(
    'a segment is closed without a sync',
    edit(
      'log segment-writer',
      'await this.#file.write(trailer, this.#offset);\n    await this.#file.sync();',
      'await this.#file.write(trailer, this.#offset);',
    ),
  ),
  bug(
    'reserved space is not cut off when a segment is closed',
    edit(
      'log segment-writer',
      'await this.#file.truncate(this.#offset);\n    await this.#file.write(trailer',
      'await this.#file.write(trailer',
    ),
  ),
];

const refusals: readonly Mutation[] = [
  bug(
    'what a failed write left is rejected and not erased',
    edit(
      'log appender',
      'const fatal = isMendable ? await this.#erased() : error;',
      'const fatal = isMendable ? null : error;',
    ),
  ),
  bug(
    'a failed sync rejects its commits and the database goes on',
    edit(
      'log appender',
      'const isMendable = isWriteOnFullDisk(error) && this.#options.mayTakeBack();\n    const fatal = isMendable ? await this.#erased() : error;',
      'const fatal = null;',
    ),
  ),
  bug(
    'a commit whose sync failed is said to be rejected',
    edit('log appender', "new PaminaError('COMMIT_UNKNOWN', unknown, { cause })", 'failure'),
  ),
  bug(
    'a damaged middle is cut like a torn tail',
    edit('log settle-tail', 'if (end.offset < proven) {', 'if (end.offset < 0) {'),
    edit('log settle-tail', 'requireTorn(options, segment, header, end, rest);', ''),
  ),
];

const store: readonly Mutation[] = [
  bug(
    'a checkpoint does not sync the logs of the store',
    edit('engine checkpoint', 'await store.syncLogs();', ''),
  ),
  bug(
    'a checkpoint is taken of what is durable, not of what is applied',
    edit(
      'engine maintenance',
      'const { applied } = parts.applier;',
      'const applied = parts.log.durable;',
    ),
  ),
  bug(
    'replay begins at the applied position',
    edit(
      'engine database-parts',
      'log.batches(checkpoint.seq + 1)',
      'log.batches(applied.seq + 1)',
    ),
    edit(
      'engine database-parts',
      'if (checkpoint.seq >= end.seq) return;',
      'if (applied.seq >= end.seq) return;',
    ),
  ),
  bug(
    'a commit goes into the store in more than one batch',
    edit(
      'engine state-store',
      'write.put(bytes.subarray(keyStart, keyEnd), bytes.subarray(',
      'void this.level.put(bytes.subarray(keyStart, keyEnd), bytes.subarray(',
    ),
  ),
  bug(
    'what is joined for the store goes past the record that somebody waits for',
    edit(
      'engine apply-queue',
      'const stop = stopIn(task.batch);',
      'const stop: number | null = null as number | null;',
    ),
  ),
  bug(
    'deletes are not applied',
    edit('engine state-store', 'write.del(bytes.subarray(keyStart, keyEnd));', ''),
  ),
];

const reads: readonly Mutation[] = [
  bug(
    'a read does not see what the store has not taken yet',
    edit(
      'engine acknowledgement',
      'applier.push(group, (error) => {',
      'overlay.drop(group);\n    applier.push(group, (error) => {',
    ),
  ),
  bug(
    'what is acknowledged becomes visible only later',
    edit(
      'engine acknowledgement',
      'if (group.point.seq > this.#memorySeq) overlay.show(group, group.end, group.point.seq);',
      '',
    ),
  ),
  bug(
    'an iterator does not wait for the store',
    edit(
      'engine state-reader',
      'if (this.#overlay.isEmpty) return { value: action(this.#store.level, null) };',
      'if (this.#overlay.isEmpty || true) return { value: action(this.#store.level, null) };',
    ),
  ),
];

const log: readonly Mutation[] = [
  bug(
    'the commit time follows the clock back',
    edit(
      'log appender',
      'Math.max(this.#options.clock.now(), this.#encoded.time, this.#timeMin)',
      'this.#options.clock.now()',
    ),
  ),
  bug(
    'retention deletes one segment too many',
    edit('log log', 'isLast || next.firstSeq > limit', 'isLast || segment.firstSeq > limit'),
  ),
  bug(
    'retention forgets the replicas',
    edit(
      'engine retention',
      'for (const slot of needs.slots) first = Math.min(first, slot.durable);',
      '',
    ),
  ),
  bug(
    'of several replicas that are held for one is forgotten',
    edit(
      'engine slot-hold',
      'slots: holding.map(({ slot }) => slot)',
      'slots: holding.slice(1).map(({ slot }) => slot)',
    ),
    edit(
      'engine replica-holds',
      'slots: kept.map(({ slot }) => slot)',
      'slots: kept.slice(1).map(({ slot }) => slot)',
    ),
  ),
  bug(
    'a replica is given up before its log has reached the cap',
    edit('engine slot-hold', 'bytes > replicaHoldBytes', 'bytes > replicaHoldBytes / 50'),
  ),
  bug(
    'a replica that was given up is not told why',
    edit('replication feed-facts', 'lost: database.slots.lost(hello.replica),', 'lost: null,'),
  ),
  bug(
    'a new timeline says that it forked one record earlier',
    edit(
      'engine promotion',
      'startTimeline(owner, seq, why)',
      'startTimeline(owner, seq - 1, why)',
    ),
  ),
];

const synchronous: readonly Mutation[] = [
  bug(
    'a commit that waits for a replica is acknowledged by its own disk alone',
    edit(
      'engine synchronous-commits',
      'if (this.#degraded.has(requirement)) {',
      'if (requirement.replicas > 0) {',
    ),
  ),
  bug(
    'a replica confirms what it has received and not synced',
    edit(
      'replication feed-runner',
      'this.#timelineId, report.durable)',
      'this.#timelineId, report.received)',
    ),
  ),
];

const replication: readonly Mutation[] = [
  bug(
    'a feed that has no more to send is not woken',
    edit('replication feed-runner', 'if (this.#moreWhileReading) this.#more();', ''),
    edit('replication feed', 'more: (state) => readOn(state),', 'more: stay,'),
    edit(
      'replication feed',
      "return readOn(state, [{ type: 'send-heartbeat', isAwaited: false }]);",
      "return { state, effects: [{ type: 'send-heartbeat', isAwaited: false }] };",
    ),
  ),
  bug(
    'a replica goes on one byte too far',
    edit(
      'replication feed-source',
      'const bytes = chunk.bytes.subarray(Math.max(0, inside.offset - chunk.offset));',
      'const bytes = chunk.bytes.subarray(Math.max(0, inside.offset - chunk.offset + 1));',
    ),
  ),
  bug(
    'a replica that lost its connection does not try again',
    edit(
      'replication follower',
      'disconnected: { ...linking, timer: tryAgain, welcome: stay },',
      'disconnected: { ...linking, timer: stay, welcome: stay },',
    ),
  ),
  bug(
    'a feed ships what its master may still lose',
    edit(
      'log appender',
      'await writer.append(group.bytes.subarray(0, group.end));\n        this.#waiting.shift();\n        this.#durable = group.point;\n        this.#unreleased++;\n        this.#options.onDurable(group, writer.segment, writer);',
      'const writing = writer.append(group.bytes.subarray(0, group.end));\n        this.#waiting.shift();\n        this.#durable = group.point;\n        this.#unreleased++;\n        this.#options.onDurable(group, writer.segment, { offset: writer.offset + group.end } as SegmentWriter);\n        await writing;',
    ),
  ),
];

const successions: readonly Mutation[] = [
  bug(
    'a database that is fenced goes on writing',
    edit(
      'engine running-database',
      'if (control.current.fence) return new RunningDatabase(opened, null, null);',
      '',
    ),
  ),
  bug(
    'an old master that is shown who has its name goes on',
    edit(
      'replication feed',
      "return { ...step, effects: [...step.effects, { type: 'taken-over', replica }] };",
      'return step;',
    ),
  ),
  bug(
    'an old master takes a replica of who has its name for a stranger',
    edit('replication feed-check', 'checkTakeover(hello, facts) ??', ''),
  ),
  bug(
    'who takes over goes on with the timeline of its master',
    edit(
      'engine start-timeline',
      'timelines: [...timelines.filter((one) => one.atSeq <= atSeq), timeline],',
      'timelines,',
    ),
  ),
  bug(
    'an old master is taken to have no more than who took its place',
    edit(
      'format timeline',
      'seqMax: Math.min(mineLeaves, theirsLeaves)',
      'seqMax: Math.max(mineLeaves, theirsLeaves)',
    ),
  ),
  bug(
    'a replica looks its master up only once',
    edit(
      'replication follower-link',
      'const target = signal.aborted ? null : await this.#resolve(masterName);',
      'const target = (this.known ??= signal.aborted ? null : await this.#resolve(masterName));',
    ),
  ),
  bug(
    'a replica says that it has what it is about to sync',
    edit(
      'log receiver',
      'await this.#write(writer, () => writer.append(bytes.subarray(0, scan.end)));',
      'this.#options.onDurable(scan.point, writer.segment, writer.offset + scan.end);\n      await this.#write(writer, () => writer.append(bytes.subarray(0, scan.end)));',
    ),
  ),
];

const sources: readonly Mutation[] = [
  bug(
    'an archive does not help where a master has given up the log',
    edit(
      'replication source',
      "    case 'refuses':\n      return turnToArchive(next, at, whyRefused(event));",
      "    case 'refuses':\n      return toRest(next, at);",
    ),
  ),
  bug(
    'a master that is out of reach is waited for without end',
    edit(
      'replication source',
      'state.isWaitingForMaster ? turnToArchive(state, event.at, state.because) : stay(state);',
      'state.isWaitingForMaster ? stay(state) : turnToArchive(state, event.at, state.because);',
    ),
  ),
  bug(
    'who follows an archive does not go back to its master',
    edit(
      'replication source',
      "    case 'follows':\n      return turnToMaster(next, event.at);",
      "    case 'follows':\n      return stay(next);",
    ),
  ),
  bug(
    'each look at an archive begins where the first one did',
    edit(
      'replication sourced-follower',
      'const end = { timelines: this.#database.timelines, point, segment };',
      'const end = ((this as { first?: object }).first ??= { timelines: this.#database.timelines, point, segment }) as never;',
    ),
  ),
  bug(
    'what is received from the archive goes on beside what the master sends',
    edit(
      'replication sourced-follower',
      "this.#dispatch({ type: 'reached' });\n    await this.#running;",
      '',
    ),
    edit(
      'replication source',
      "      { type: 'halt' },\n      { type: 'cancel-timer' },\n      log(",
      '      log(',
    ),
  ),
];

const rivals: readonly Mutation[] = [
  bug(
    'each of two failovers takes the name',
    edit(
      'server host-names',
      'fenced !== null && entry.instance === fenced ? Promise.resolve(false) : isAlive(entry),',
      'Promise.resolve(false),',
    ),
  ),
  bug(
    'who takes over does not wait for the rest of its master',
    edit(
      'server host-failover',
      'const untilSeq = isAwaited ? (end?.seq ?? null) : null;',
      'const untilSeq = null;',
    ),
  ),
  bug(
    'an old master comes up though its name is taken',
    edit(
      'server host-names',
      "  if (type !== 'normal') return;\n  if (fence?.takenOver === true) throw fenced(name, fence.successor);\n",
      '  if (fence === fence) return;\n',
    ),
    edit(
      'server host-names',
      'const isAlive = options.mayTake ? aliveCheck(core, name) : keeps;',
      'const isAlive: IsAlive = () => Promise.resolve(false);',
    ),
  ),
];

const backups: readonly Mutation[] = [
  bug(
    'a backup says that it is one record older than it is',
    edit(
      'backup take-backup',
      'position: { timeline: point.timeline, seq: point.seq },',
      'position: { timeline: point.timeline, seq: point.seq - 1 },',
    ),
  ),
  bug(
    'a backup lacks the end of its state',
    edit(
      'backup chunk-runs',
      'if (run.length > 0) yield { index, raw: encodeRun(run, runBytes), entries: run.length };',
      'if (run.length > 1) yield { index, raw: encodeRun(run.slice(0, -1), runBytes - entryHeaderBytes - run.at(-1)![0].length - run.at(-1)![1].length), entries: run.length - 1 };',
    ),
  ),
];

const recoveries: readonly Mutation[] = [
  bug(
    'a recovery ends one record before its target',
    edit(
      'backup recover/plan',
      'const toSeq = goal.seq ?? way.toSeq;',
      'const toSeq = Math.max(way.backup.manifest.position.seq, (goal.seq ?? way.toSeq) - 1);',
    ),
  ),
  bug(
    'a recovery until a time takes the record behind it too',
    edit(
      'backup recover/plan',
      'if (seq < span.toSeq) return Math.max(seq, last);',
      'if (seq < span.toSeq) return Math.max(seq + 1, last);',
    ),
  ),
  bug(
    'a recovery until a time takes the end of the log for the end by then',
    edit('backup recover/plan', 'return isProven ? last : null;', 'return last;'),
  ),
  bug(
    'an incremental backup holds the last segment alone',
    edit('backup take-incremental', '  return segments;', '  return segments.slice(-1);'),
    edit('backup segment-copy', 'if (chainThere !== before.chain) {', 'if (chainThere === -1) {'),
  ),
  bug(
    'a recovery forgets the log of incremental backups',
    edit(
      'backup recover/place',
      'incrementalLogSource(env, backups, pattern),',
      'incrementalLogSource(env, backups, `${pattern}`.slice(1)),',
    ),
  ),
  bug(
    'expiry keeps the log of the newest backup alone',
    edit('backup expire-backups', 'Math.min(...seqs)', 'Math.max(...seqs)'),
  ),
];

const archiving: readonly Mutation[] = [
  bug(
    'log counts as archived before the archive has it',
    edit(
      'backup archiver/archiver-work',
      'await archive.putIfAbsent(segmentObject(place, placeOf(segment)), proved.bytes, call);',
      'archive.putIfAbsent(segmentObject(place, placeOf(segment)), proved.bytes, call).catch(() => undefined);',
    ),
    edit(
      'backup archiver/archiver-work',
      'await archive.putIfAbsent(name, bytes, call);',
      'archive.putIfAbsent(name, bytes, call).catch(() => undefined);',
    ),
  ),
  bug(
    'what is archived is in the page cache only',
    edit(
      'archive folder-archive',
      'await this.#disk.createFile(path, bytes);',
      "const file = await this.#disk.open(path, 'create');\n      await file.write(bytes, 0);\n      await file.close();",
    ),
  ),
  bug(
    'pieces are removed before the archive has the closed segment',
    edit(
      'backup archiver/archiver-work',
      'await archive.putIfAbsent(segmentObject(place, placeOf(segment)), proved.bytes, call);',
      'for (const { name } of this.#pieces) await archive.delete(name, call);\n    await archive.putIfAbsent(segmentObject(place, placeOf(segment)), proved.bytes, call);',
    ),
  ),
  bug(
    'expiry of an archive removes one segment too many',
    edit(
      'backup archiver/unneeded-log',
      'if (segment.firstSeq >= keepFromSeq) break;',
      'if (segment.firstSeq > keepFromSeq) break;',
    ),
    edit(
      'backup archiver/unneeded-log',
      'if (lastSeq < keepFromSeq) names.push',
      'if (segment.firstSeq <= keepFromSeq) names.push',
    ),
  ),
  bug(
    'an archiver that was killed goes on one segment too late',
    edit(
      'backup archiver/reconcile',
      'return { position: await startOf(options.disk, segment), leftovers, forOthers };',
      'if (segments[index + 1] !== undefined) continue;\n      return { position: await startOf(options.disk, segment), leftovers, forOthers };',
    ),
  ),
];

export const mutations: readonly Mutation[] = [
  ...durability,
  ...refusals,
  ...store,
  ...reads,
  ...log,
  ...synchronous,
  ...replication,
  ...successions,
  ...sources,
  ...rivals,
  ...backups,
  ...recoveries,
  ...archiving,
];
