// The version that files and peers are told. Held against package.json by a test.
export const version = '0.1.0';
