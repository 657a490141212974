// Reads the fenced code blocks of a Markdown document.

export interface CodeBlock {
  readonly language: string;
  readonly text: string;
  /** Line of the opening fence, counted from 1. */
  readonly line: number;
  /** Marked by the comment above it as not for the documentation test. */
  readonly notRun: boolean;
}

const notRunMark = '<!-- not run by the documentation test -->';

export function codeBlocks(markdown: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  const lines = markdown.split('\n');
  let lastText = '';
  for (let at = 0; at < lines.length; at += 1) {
    const text = lines[at] ?? '';
    const fence = /^(```+)(\w*)\s*$/.exec(text);
    if (fence === null) {
      if (text.trim() !== '') lastText = text.trim();
      continue;
    }
    const [, marks = '```', language = ''] = fence;
    const end = lines.indexOf(marks, at + 1);
    if (end < 0) throw new Error(`the code block of line ${at + 1} is never closed`);
    blocks.push({
      language,
      text: lines.slice(at + 1, end).join('\n'),
      line: at + 1,
      notRun: lastText === notRunMark,
    });
    lastText = '';
    at = end;
  }
  return blocks;
}
