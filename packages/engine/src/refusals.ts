// Why a database takes no write or answers no read at this moment, in the words of the error table.
import { PaminaError } from '@pamina/format';
import type { Control } from './control.js';

/** For a database that cannot be written. */
export function refusedWrite(
  control: Control,
  failure: PaminaError | null,
  isClosed: boolean,
): PaminaError {
  const { name, type } = control;
  if (failure !== null) {
    const message = `${name} has failed: ${failure.message}`;
    return new PaminaError('DATABASE_FAILED', message, { cause: failure });
  }
  if (isClosed) return closed(name);
  const fenced = refusedByFence(control);
  if (fenced !== null) return fenced;
  if (type === 'replica') return new PaminaError('REPLICA_READ_ONLY', `${name} is a replica`);
  return new PaminaError('READ_ONLY', `${name} is read only`);
}

/** FENCED; null if there is no fence. */
export function refusedByFence({ name, fence }: Control): PaminaError | null {
  if (fence === undefined || fence === null) return null;
  const { successor, takenOver } = fence;
  const message = takenOver
    ? `the name that ${name} had was taken over by ${successor}`
    : `${name} takes no writes while ${successor} is to take over`;
  return new PaminaError('FENCED', message, { context: { name, successor, takenOver } });
}

/** Null if data may be read. */
export function refusedRead(control: Control, isClosed: boolean): PaminaError | null {
  const { name, type, readOnly, simultaneousQuery } = control;
  if (isClosed) return closed(name);
  if (type !== 'replica' || readOnly || simultaneousQuery) return null;
  const message = `${name} replicates without simultaneous query`;
  return new PaminaError('NOT_QUERYABLE', message);
}

function closed(name: string): PaminaError {
  return new PaminaError('DATABASE_CLOSED', `${name} is closed`);
}
