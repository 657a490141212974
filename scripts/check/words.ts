// Finds what must not be left behind: unfinished work, switched-off tests, unexplained exceptions.
import type { Check, Finding } from './check.js';
import { codeExtensions, ownFiles, readText } from './source-files.js';

interface ForbiddenWord {
  readonly pattern: RegExp;
  readonly message: string;
}

// Written so that this file does not find itself.
const everywhere: ForbiddenWord[] = [
  {
    pattern: /\b(?:TOD[O]|FIXM[E]|XX[X]|HAC[K])\b/,
    message: 'finish it, or write an issue: nothing in the tree is half done',
  },
];
const inCode: ForbiddenWord[] = [
  {
    pattern: /\b(?:describe|test|it|suite|bench)(?:\.\w+)*\.(?:skip|only|todo|fails)\b/,
    message: 'no switched-off or singled-out test: mend it or delete it',
  },
  {
    pattern: /\bx(?:it|test|describe)\(|\bf(?:it|describe)\(/,
    message: 'no switched-off or singled-out test: mend it or delete it',
  },
  {
    pattern: /@ts-(?:ignore|nocheck)\b/,
    message: 'give the type instead of silencing the compiler',
  },
  {
    pattern: /(?:ox|es)lint-disable(?!.* -- \S)/,
    message: 'say why after " -- ", or mend what the linter found',
  },
  { pattern: /\bnot implemented\b/i, message: 'implement it, or take it out' },
];

export const words: Check = {
  name: 'words',
  holds: 'nothing is left half done, switched off or silenced without a reason',
  run(root) {
    const documents = ownFiles(root, ['.md', '.json', '.yml', '.sh']).filter(
      (path) => path !== 'package-lock.json',
    );
    return [
      ...ownFiles(root, codeExtensions).flatMap((path) =>
        search(root, path, [...everywhere, ...(path === ownPath ? [] : inCode)]),
      ),
      ...documents.flatMap((path) => search(root, path, everywhere)),
    ];
  },
};

const ownPath = 'scripts/check/words.ts';

function search(root: string, path: string, forbidden: readonly ForbiddenWord[]): Finding[] {
  return readText(root, path)
    .split('\n')
    .flatMap((text, index) =>
      forbidden.flatMap(({ pattern, message }) => {
        const match = pattern.exec(text);
        return match === null
          ? []
          : [{ file: path, line: index + 1, message: `"${match[0]}": ${message}` }];
      }),
    );
}
