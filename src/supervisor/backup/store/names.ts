// The names of objects, which become paths on disk and in addresses: none may lead out of the store.

import { TenfoldError } from '../../../base/errors.ts'

const namePattern = /^[A-Za-z0-9_-][A-Za-z0-9._-]*(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/
const nameLengthMax = 512

/** @throws bad-input */
export function checkName(name: string): string {
  if (namePattern.test(name) && name.length <= nameLengthMax) return name
  throw new TenfoldError('bad-input', `"${name}" is no name of an object in a store of backups`)
}
