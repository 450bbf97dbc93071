// What a quarantined run ends with when it took its process down.

import { TenfoldError } from '../../../../base/errors.ts'

export class QuarantineDeath extends TenfoldError {
  constructor(how: string) {
    super('program-failed', `it took its process down: ${how}`)
  }
}
