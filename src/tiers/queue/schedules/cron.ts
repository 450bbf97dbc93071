// When a schedule is due next: a cron expression on the clocks of one time zone.
//
// Five fields: minute, hour, day of month, month, day of week; a sixth before them is the second. Beside `*`, lists, ranges and
// steps: names (MON, JAN), L (the last day), `#` (MON#2, the second Monday), W (the nearest weekday), and @daily and its like.
// With both a day of month and a day of week, either is enough, as in crontab(5).
//
// Daylight saving, as Vixie's cron of Debian has it (cron(8)): a time that is left out when clocks go forward is due at the first
// moment after the gap; one that comes twice when they go back is due the first time. A `*` or a step in the second, minute or
// hour means real time instead: due in every hour that passes, however clocks call it.
// Worked example, Europe/Berlin, 2026: `30 2 * * *` is due on 29 March at 03:00 (01:00 UTC), on 25 October at 02:30 summer time
// (00:30 UTC) only; `0 * * * *` is due that night at 00:00 and at 01:00 UTC, both of which are 02:00.

import { Cron } from 'croner'
import { TenfoldError } from '../../../base/errors.ts'

const expressionCharactersMax = 200

export class CronTimes {
  readonly #cron: Cron

  /** @throws bad-input when it is no such expression, or one that is never due; or when there is no such time zone. */
  constructor(cron: string, timeZone: string) {
    const refuse = (why: string, cause?: unknown) =>
      new TenfoldError('bad-input', `cron ${JSON.stringify(cron)} in ${JSON.stringify(timeZone)}: ${why}`, { cause })
    // A date as text would be taken for a time that comes once, and `?` for the moment at which this process looks.
    if (typeof cron !== 'string' || cron.length > expressionCharactersMax || /^\s*\d{4}-|\?/.test(cron))
      throw refuse(`expected five or six fields in at most ${expressionCharactersMax} characters`)
    try {
      new Intl.DateTimeFormat('en', { timeZone })
      // Without a function it computes and starts nothing.
      this.#cron = new Cron(cron, { timezone: timeZone, mode: '5-or-6-parts', fixedTimeRule: 'no-wildcard' })
    } catch (cause) {
      throw refuse(cause instanceof Error ? cause.message : String(cause), cause)
    }
    if (this.#cron.nextRun(new Date()) === null) throw refuse('there is no such day')
  }

  /** The first time that is later than `after`. */
  next(after: Date): Date {
    const next = this.#cron.nextRun(after)
    if (next === null) throw new TenfoldError('bad-input', `there is no time after ${after.toISOString()}`)
    return next
  }
}
