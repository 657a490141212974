// The access token: a file that nobody but its owner may read.
import type { Env } from '@pamina/env';
import { PaminaError } from '@pamina/format';

const tokenLengthMin = 16;
const tokenLengthMax = 512;
/** The token with blanks and a newline around it. */
const tokenFileBytesMax = 4096;
const groupAndOthers = 0o077;

/** FILE_NOT_FOUND; TOKEN_INVALID when others than the owner may use the file or it holds no token. */
export async function readTokenFile(env: Env, path: string): Promise<string> {
  const context = { path };
  const status = await env.disk.stat(path);
  if (status === null) {
    throw new PaminaError('FILE_NOT_FOUND', `There is no token file ${path}`, { context });
  }
  if (status.isFolder || status.bytes > tokenFileBytesMax) {
    throw new PaminaError('TOKEN_INVALID', `${path} is not a file that holds a token`, { context });
  }
  const { permissions } = status;
  if (permissions !== null && (permissions & groupAndOthers) !== 0) {
    const mode = permissions.toString(8).padStart(4, '0');
    throw new PaminaError(
      'TOKEN_INVALID',
      `The token file ${path} is open to others than its owner (mode ${mode})`,
      {
        context,
        hint: `Others may know the token by now: make a new one, then \`chmod 600 ${path}\`.`,
      },
    );
  }
  const token = new TextDecoder().decode(await env.disk.readFile(path)).trim();
  const isToken = /^[\x21-\x7e]+$/.test(token);
  if (!isToken || token.length < tokenLengthMin || token.length > tokenLengthMax) {
    throw new PaminaError('TOKEN_INVALID', `The token file ${path} does not hold a token`, {
      context,
    });
  }
  return token;
}
