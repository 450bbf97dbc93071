// `tenfold queue schedules`: what the clock publishes.

import type { SeenSchedule } from '../control/api.ts'
import type { Command } from './command.ts'
import { span } from './table.ts'

/** Processes look at a schedule once a minute: one that nobody has looked at for longer has no process. */
const unseenMsMax = 5 * 60_000

export const queueSchedules: Command = {
  name: 'queue schedules',
  usage: '',
  summary: 'what is published by the clock: when next, when last',
  async run(target) {
    const schedules = await (await target.client()).schedules()
    const rows = schedules.map(describe)
    target.print({ schedules }, rows.length === 0 ? 'the app registers no schedule' : rows.join('\n'))
  },
}

function describe({ name, queue, cron, timeZone, nextAt, firedFor, fired, lastJob, seenAt }: SeenSchedule): string {
  const unseenMs = Date.now() - Date.parse(seenAt)
  const last = firedFor === null ? 'never fired' : `fired ${fired} times, last for ${firedFor} (job ${lastJob})`
  const next = unseenMs > unseenMsMax ? `no process has had it for ${span(unseenMs)}` : `next ${nextAt}`
  return `${name}  ${cron} ${timeZone} -> ${queue}  ${next}, ${last}`
}
