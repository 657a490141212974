// One layout for every file, decided by oxfmt and never by hand.
import type { Check } from './check.js';
import { runTool, toolFailure } from './check.js';

export const formatting: Check = {
  name: 'formatting',
  holds: 'every file is laid out as oxfmt does it',
  async run(root) {
    const result = await runTool(root, 'oxfmt', ['--list-different', '.']);
    const files = result.stdout.split('\n').filter((line) => line.trim() !== '');
    if (result.status !== 0 && files.length === 0) return [toolFailure('oxfmt', result)];
    return files.map((file) => ({ file, message: 'run npm run format' }));
  },
};
