// What a quarantined run ends with when it took its process down, and when there was no process to run in.

import { TenfoldError } from '../../../../base/errors.ts'

export class QuarantineDeath extends TenfoldError {
  constructor(how: string) {
    super('program-failed', `it took its process down: ${how}`)
  }
}

export class NoQuarantine extends TenfoldError {
  constructor() {
    super('unavailable', 'no process for suspect jobs could be started')
  }
}
