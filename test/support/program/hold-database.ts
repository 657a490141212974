// Opens a database and holds it until stdin ends. When it is told to, it first tries to open it a
// second time, by its path and by another path to it, which must not loosen its hold (LevelDB's own
// lock is lost by that). Prints `open`, or the code of the error. Arguments: FOLDER [OTHER_PATH]
import { Pamina } from '@pamina/engine';
import { isPaminaError } from '@pamina/format';

const [folder = '', otherPath] = process.argv.slice(2);

console.log(await tryOpen(folder));
if (otherPath !== undefined) {
  console.log(`second ${await tryOpen(folder)}`);
  console.log(`third ${await tryOpen(otherPath)}`);
}
console.log('holding');
process.stdin.on('end', () => process.exit(0));
process.stdin.resume();

async function tryOpen(path: string): Promise<string> {
  try {
    await new Pamina(path, { createIfMissing: false }).open();
    return 'open';
  } catch (error) {
    // abstract-level wraps what an open throws.
    const cause = error instanceof Error ? error.cause : undefined;
    if (isPaminaError(cause)) return cause.code;
    if (isPaminaError(error)) return error.code;
    throw error;
  }
}
