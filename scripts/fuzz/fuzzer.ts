// Fuzzes one decoder. Inputs come from valid ones, changed; an input that makes the decoder say
// something that it has not said yet (a refusal for another reason, a result of another shape) is kept
// and changed further. That stands in for coverage: each refusal of a decoder names its reason.
import { isPaminaError } from '@pamina/format';
import { getHeapStatistics } from 'node:v8';
import { mutateBytes } from './mutate-bytes.js';
import { mutateDocument } from './mutate-document.js';
import { Random } from './random.js';
import { Broken, type Target } from './target.js';

/** No input is longer than some kilobytes: what takes this long does not end in time for any. */
const inputMsMax = 5_000;
/** What one input may make a decoder allocate: its own buffers, and so much for each byte of the input. */
const allocationBytesMax = 8 * 1024 * 1024;
const allocationFactorMax = 1024;
const corpusMax = 2000;
const freshTries = 3;

export interface Finding {
  readonly target: string;
  readonly input: Uint8Array;
  readonly problem: string;
}

export interface FuzzReport {
  readonly target: string;
  readonly executions: number;
  readonly accepted: number;
  readonly refused: number;
  /** Different things that the decoder said. */
  readonly outcomes: ReadonlyMap<string, number>;
  readonly slowestMs: number;
  readonly allocatedMax: number;
  readonly ms: number;
  readonly finding: Finding | null;
}

export interface FuzzOptions {
  readonly executions: number;
  readonly seed: number;
}

interface Verdict {
  readonly word: string;
  readonly isAccepted: boolean;
}

/** Runs one input. Throws Broken for whatever may not be. */
export async function execute(
  target: Target,
  input: Uint8Array,
  random = new Random(1),
): Promise<Verdict> {
  const given = input.slice();
  try {
    const running = target.run(input, random);
    const word = typeof running === 'string' ? running : await running;
    requireUnchanged(given, input);
    return { word, isAccepted: true };
  } catch (error) {
    if (error instanceof Broken) throw error;
    requireUnchanged(given, input);
    return { word: refusalOf(target, error), isAccepted: false };
  }
}

function requireUnchanged(given: Uint8Array, input: Uint8Array): void {
  if (Buffer.compare(given, input) !== 0) throw new Broken('the decoder changed its input');
}

/** Only errors of the table, and of them only those that this decoder is known for. */
function refusalOf(target: Target, error: unknown): string {
  if (!isPaminaError(error)) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    throw new Broken(`it threw what is no PaminaError: ${text}`, { cause: error });
  }
  if (!target.codes.includes(error.code)) {
    throw new Broken(`it refused with ${error.code}: ${error.message}`, { cause: error });
  }
  const { cause: causeError } = error;
  let cause = causeError instanceof Error ? causeError.message : '';
  // Says what is wrong with the text, and then quotes it.
  if (causeError instanceof SyntaxError) cause = cause.replace(/["'].*/s, '');
  return `${error.code} ${reason(error.message)} ${reason(cause)}`;
}

/** A message without what is particular to one input. */
function reason(message: string): string {
  return message
    .replace(/".*"|'.*'/gs, '"')
    .replace(/[0-9a-f]*\d[0-9a-f]*/g, '#')
    .slice(0, 120);
}

export async function fuzz(target: Target, options: FuzzOptions): Promise<FuzzReport> {
  const random = new Random(options.seed ^ hashOf(target.name));
  const executions = Math.max(1, Math.ceil(options.executions * (target.share ?? 1)));
  const corpus: Uint8Array[] = target.seeds.map((seed) => seed.slice());
  const outcomes = new Map<string, number>();
  let finding: Finding | null = null;
  let [accepted, refused, slowestMs, allocatedMax, done] = [0, 0, 0, 0, 0];
  const started = performance.now();
  const { stackTraceLimit } = Error;
  // Most inputs are refused, and most of what a refusal costs is its stack.
  Error.stackTraceLimit = 0;
  while (done < executions && finding === null) {
    const input = done < target.seeds.length ? corpus.at(done)! : next(random, target, corpus);
    done++;
    const heapBefore = allocated();
    const before = performance.now();
    try {
      const verdict = await execute(target, input, random);
      const ms = performance.now() - before;
      slowestMs = Math.max(slowestMs, ms);
      allocatedMax = Math.max(allocatedMax, allocated() - heapBefore);
      await requireBounded(target, input, ms, allocated() - heapBefore);
      const known = outcomes.get(verdict.word) ?? 0;
      if (known < freshTries && corpus.length < corpusMax) corpus.push(input);
      outcomes.set(verdict.word, known + 1);
      if (verdict.isAccepted) accepted++;
      else refused++;
    } catch (error) {
      if (!(error instanceof Broken)) throw error;
      Error.stackTraceLimit = stackTraceLimit;
      finding = await describe(target, input, error);
    }
  }
  Error.stackTraceLimit = stackTraceLimit;
  const ms = performance.now() - started;
  return {
    target: target.name,
    executions: done,
    accepted,
    refused,
    outcomes,
    slowestMs,
    allocatedMax,
    ms,
    finding,
  };
}

/** Memory outside and inside the heap; goes down whenever garbage is collected. */
function allocated(): number {
  const { external_memory: external, used_heap_size: used } = getHeapStatistics();
  return external + used;
}

async function requireBounded(
  target: Target,
  input: Uint8Array,
  ms: number,
  bytes: number,
): Promise<void> {
  if (ms > inputMsMax) throw new Broken(`it took ${Math.round(ms)} ms`);
  const bytesMax = allocationBytesMax + allocationFactorMax * input.length;
  if (bytes <= bytesMax) return;
  // Other work of the process allocates too: what is the input's doing happens again.
  const before = allocated();
  await execute(target, input);
  const again = allocated() - before;
  if (again > bytesMax) throw new Broken(`${input.length} bytes made it allocate ${again}`);
}

function next(random: Random, target: Target, corpus: readonly Uint8Array[]): Uint8Array {
  const from = random.pick(corpus);
  const words = target.words ?? [];
  let input = random.oneIn(2) ? changedDocument(random, target, from) : null;
  input ??= mutateBytes(random, from, { corpus, words });
  // One time in four the checksum is left as it is: it must be found wrong too.
  if (target.seal !== undefined && !random.oneIn(4)) target.seal(input);
  return input;
}

function changedDocument(random: Random, target: Target, from: Uint8Array): Uint8Array | null {
  const { document } = target;
  const value = document?.read(from) ?? null;
  if (document === undefined || value === null) return null;
  return document.write(mutateDocument(random, value, target.words ?? []));
}

/** Once more, with a stack, and as short as it can be. */
async function describe(target: Target, input: Uint8Array, first: Broken): Promise<Finding> {
  const shortest = await smallest(target, input);
  try {
    await execute(target, shortest);
  } catch (error) {
    if (!(error instanceof Broken)) throw error;
    return { target: target.name, input: shortest, problem: error.message };
  }
  return { target: target.name, input: shortest, problem: first.message };
}

/** The input with everything taken away that its problem does not need. */
async function smallest(target: Target, input: Uint8Array): Promise<Uint8Array> {
  let best = input;
  for (
    let step = Math.ceil(best.length / 2);
    step >= 1;
    step = step === 1 ? 0 : Math.ceil(step / 2)
  ) {
    for (let at = 0; at + step <= best.length;) {
      const shorter = new Uint8Array([...best.subarray(0, at), ...best.subarray(at + step)]);
      if (await isBroken(target, shorter)) best = shorter;
      else at += step;
    }
  }
  return best;
}

async function isBroken(target: Target, input: Uint8Array): Promise<boolean> {
  try {
    await execute(target, input);
    return false;
  } catch (error) {
    if (error instanceof Broken) return true;
    throw error;
  }
}

function hashOf(text: string): number {
  let hash = 2166136261;
  for (const character of text) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 16777619);
  return hash >>> 0;
}
