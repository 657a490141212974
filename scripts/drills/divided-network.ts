// A place behind a network that can be cut: a network namespace, a pair of virtual cables, a bridge. Cut
// off, both sides still have their cable in and their connections open; nothing that is sent arrives, and
// nobody is told.
import { tryToRun, run, isFound } from '../torture/machine.js';
import type { Scene } from '../../test/support/scene.js';

/** Of the addresses that are set aside for testing networks (RFC 2544). */
const networks = Array.from({ length: 256 }, (_, number) => `198.18.${number}`);
let made = 0;
let known: { readonly lacking: string | null } | null = null;

/** Why no network can be divided here; null if all that is needed is there. It is tried once. */
export function lackingNamespaces(): string | null {
  known ??= { lacking: findLacking() };
  return known.lacking;
}

function findLacking(): string | null {
  if (process.platform !== 'linux') return 'network namespaces are of Linux only';
  if (process.getuid?.() !== 0) return 'only root may make network namespaces';
  if (!isFound('ip')) return 'ip is missing (Debian: iproute2)';
  if (!isFound('nsenter')) return 'nsenter is missing (Debian: util-linux)';
  const trial = new DividedNetwork();
  try {
    trial.make();
    trial.cut();
    return null;
  } catch (error) {
    return (error as Error).message;
  } finally {
    trial.remove();
  }
}

export class DividedNetwork {
  readonly #name = `pamina-${process.pid}-${(made += 1)}`;
  /** Names of network devices have at most 15 letters. */
  readonly #bridge = `pb${process.pid}x${made}`;
  readonly #cable = `pc${process.pid}x${made}`;
  #network = '198.18.0';
  readonly #removeNow = (): void => this.remove();

  static of(scene: Scene): DividedNetwork {
    const network = new DividedNetwork();
    scene.atEnd(() => network.remove());
    network.make();
    return network;
  }

  /** Where who is in the namespace finds who is not. */
  get near(): string {
    return `${this.#network}.1`;
  }

  /** The address inside of the namespace. */
  get far(): string {
    return `${this.#network}.2`;
  }

  /**
   * What makes a command run inside. `ip netns exec` would also give it mounts of its own: a file system that
   * is unmounted meanwhile stays mounted there, and who mounts it again gets it as it was.
   */
  get within(): readonly string[] {
    return ['nsenter', `--net=/run/netns/${this.#name}`];
  }

  make(): void {
    process.once('exit', this.#removeNow);
    const taken = (network: string): boolean =>
      tryToRun('ip', ['route', 'get', `${network}.2`, 'from', `${network}.1`]) === null;
    this.#network = networks.find((network) => !taken(network)) ?? this.#network;
    const [bridge, cable, inside] = [this.#bridge, this.#cable, ['-n', this.#name]];
    run('ip', ['netns', 'add', this.#name]);
    run('ip', ['link', 'add', bridge, 'type', 'bridge']);
    const pair = ['type', 'veth', 'peer', 'name', 'eth0', 'netns', this.#name];
    run('ip', ['link', 'add', cable, ...pair]);
    run('ip', ['addr', 'add', `${this.near}/24`, 'dev', bridge]);
    run('ip', ['link', 'set', bridge, 'up']);
    run('ip', ['link', 'set', cable, 'up']);
    run('ip', [...inside, 'addr', 'add', `${this.far}/24`, 'dev', 'eth0']);
    run('ip', [...inside, 'link', 'set', 'lo', 'up']);
    run('ip', [...inside, 'link', 'set', 'eth0', 'up']);
    this.heal();
  }

  /** From now on nothing gets through, in neither direction. */
  cut(): void {
    run('ip', ['link', 'set', this.#cable, 'nomaster']);
  }

  heal(): void {
    run('ip', ['link', 'set', this.#cable, 'master', this.#bridge]);
  }

  /** What of it there is; processes inside keep their namespace until they end. */
  remove(): void {
    process.off('exit', this.#removeNow);
    tryToRun('ip', ['link', 'delete', this.#cable]);
    tryToRun('ip', ['link', 'delete', this.#bridge]);
    tryToRun('ip', ['netns', 'delete', this.#name]);
  }
}
