// What goes wrong with objects, in the same words for every archive.
import { PaminaError } from '@pamina/format';

export function objectMissing(where: string, name: string): PaminaError {
  return new PaminaError('ARCHIVE_OBJECT_NOT_FOUND', `${where} has no object ${name}`, {
    context: { archive: where, object: name },
  });
}

export function objectDamaged(where: string, name: string, what: string): PaminaError {
  return new PaminaError('ARCHIVE_DAMAGED', `${where}, object ${name}: ${what}`, {
    context: { archive: where, object: name },
  });
}

export function objectTaken(where: string, name: string): PaminaError {
  const message = `${where} holds another object under ${name}; nothing was overwritten`;
  return new PaminaError('ARCHIVE_CONFLICT', message, {
    context: { archive: where, object: name },
  });
}
