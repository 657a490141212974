// Turns the shell blocks of a document into one script that can run unattended.

/**
 * What the reader does by eye is done by the script: after a server is started in the background it
 * waits until it listens. Servers get ports of their own, so that a test never meets a running one.
 * @param freePort gives a port that nobody uses, for each server
 */
export function shellScript(blocks: readonly string[], freePort: () => number): string {
  let servers = 0;
  const prepared = blocks.map((block) =>
    block
      .split('\n')
      .map((line) => {
        const started = /^(pamina serve.*?)\s*&\s*(#.*)?$/.exec(line);
        if (started === null) return line;
        servers += 1;
        const command = withPort(started[1] ?? '', freePort());
        const output = `server-${servers}.output`;
        return `${command} > ${output} 2>&1 &\nuntil_listening ${output} $!`;
      })
      .join('\n'),
  );
  return [prelude, ...prepared, ''].join('\n');
}

function withPort(command: string, port: number): string {
  return command.includes('--listen')
    ? command.replace(/(--listen \S+:)\d+/, `$1${port}`)
    : `${command} --listen 127.0.0.1:${port}`;
}

const prelude = `
set -euo pipefail
trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT
until_listening() {
  local deadline=$((SECONDS + 60))
  until grep -q 'listening on' "$1"; do
    if ! kill -0 "$2" 2>/dev/null || [ "$SECONDS" -ge "$deadline" ]; then
      echo "the server did not start:" >&2
      cat "$1" >&2
      exit 1
    fi
    sleep 0.05
  done
}
set -x
`.trimStart();
