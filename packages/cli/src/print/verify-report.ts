// A verification, one check a line, with what is wrong below it.
import type { VerifyCheck, VerifyReport } from '@pamina/wire';
import { countOf, formatBytes, formatTime, printable } from './units.js';

const words = { verified: 'ok', damaged: 'DAMAGED', unverified: 'NOT VERIFIED' } as const;

export function verifyText({ checks, verdict }: VerifyReport): string {
  const lines = checks.flatMap(checkLines);
  return [...lines, `verdict: ${words[verdict]}`].join('\n');
}

function checkLines(check: VerifyCheck): string[] {
  const { bytes, differences, message, problemCount, problems, rememberedAt, subject } = check;
  const read = bytes > 0 ? `, ${formatBytes(bytes)} read` : '';
  const when = rememberedAt === null ? '' : ` (${formatTime(rememberedAt)})`;
  const head = `${words[check.verdict].padEnd(12)}  ${check.check} of ${printable(subject)}: ${printable(message)}${when}${read}`;
  const more = problems.filter((problem) => problem !== message);
  const hidden = problemCount - problems.length;
  return [
    head,
    ...more.map((problem) => `    ${printable(problem)}`),
    ...differences.map(({ key, space, what }) => `    ${what}: ${space} key ${printable(key)}`),
    ...(hidden > 0 ? [`    and ${countOf(hidden, 'more problem', 'more problems')}`] : []),
  ];
}
