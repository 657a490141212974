// Whether two positions hold one and the same state: only control records lie between them. Then their
// hashes must be equal, and what differs is damage that LevelDB did not notice (FACTS, hazard 1).
import { RecordKind, isPaminaError } from '@pamina/format';

/** What is needed of a log. */
export interface RecordSource {
  records(fromSeq: number, toSeq: number): AsyncIterable<{ readonly header: { kind: number } }>;
}

/** Further apart nothing is looked for: a log without a commit does not grow so long. */
const recordsLookedAtMax = 10_000;

/** False also where it cannot be told, because the log between the two is gone. */
export async function isUnchanged(
  log: RecordSource,
  between: { readonly afterSeq: number; readonly toSeq: number },
): Promise<boolean> {
  const { afterSeq, toSeq } = between;
  if (toSeq - afterSeq > recordsLookedAtMax) return false;
  try {
    for await (const { header } of log.records(afterSeq + 1, toSeq)) {
      if (header.kind === RecordKind.commit) return false;
    }
    return true;
  } catch (error) {
    if (isPaminaError(error, 'LOG_GONE')) return false;
    throw error;
  }
}
