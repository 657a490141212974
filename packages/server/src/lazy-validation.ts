// Schemas are compiled when a request comes that they are for: all of them at start took a server longer than
// everything else that it does before it listens.

import type { FastifySchemaCompiler, FastifySchemaValidationError } from 'fastify';

interface Validate {
  (data: unknown): boolean;
  errors?: FastifySchemaValidationError[] | null;
}

/** What is wrong with a schema is found at its first request. Loads ajv. */
export async function lazyValidation(): Promise<FastifySchemaCompiler<object>> {
  const { Ajv } = await import('ajv');
  // Nothing that comes in is changed into what it should have been.
  const ajv = new Ajv({ addUsedSchema: false, coerceTypes: false, removeAdditional: false });
  return ({ schema }) => {
    let compiled: Validate | null = null;
    const validate: Validate = (data) => {
      compiled ??= ajv.compile(schema) as unknown as Validate;
      const isValid = compiled(data);
      validate.errors = compiled.errors ?? null;
      return isValid;
    };
    return validate;
  };
}
