// What the supervisor wrote while a test ran: all that one has of a failure that cannot be repeated exactly.

import { readFile } from 'node:fs/promises'
import { afterEach, beforeEach } from 'node:test'
import { homeOf, logFileOf } from '../../../src/map/home.ts'
import type { RunningSystem } from '../../running-system.ts'

const linesMax = 60
/** How far a clone is, is no news. */
const isNoise = /MiB copied/

/** To be called once in a test file: after each test that failed, the lines of its time are shown. */
export function showSupervisorLogOfFailures(system: () => RunningSystem): void {
  let sinceMs = 0
  beforeEach(() => {
    sinceMs = Date.now()
  })
  afterEach(async (t) => {
    if (!('passed' in t) || t.passed) return
    const text = await readFile(logFileOf(homeOf(system().dir), 'supervisor'), 'utf8').catch(() => '')
    const lines = text.split('\n').filter((line) => !isNoise.test(line) && timeOf(line) >= sinceMs)
    for (const line of lines.slice(-linesMax)) t.diagnostic(line)
  })
}

function timeOf(line: string): number {
  const time = /"time":"([^"]+)"/.exec(line)?.[1]
  return time === undefined ? Number.NaN : Date.parse(time)
}
