// The public interface of Pamina: everything that a program gets from `import … from 'pamina'`.
export { PaminaError, formatPosition, isPaminaError, parsePosition } from '@pamina/format';
export type { ErrorCode, Position, Timeline } from '@pamina/format';
