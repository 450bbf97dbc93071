// Every night the day that is over is looked through for what people liked most. Half an hour past midnight, so that the likes of
// the last minute are counted; once, however many servers there are.

import type { AppTiers } from '../tiers.ts'
import { dayBefore, keepDay } from './day.ts'

export function dayJobs({ queue, jobs, db }: AppTiers): void {
  queue.schedule('day', { cron: '30 0 * * *', queue: jobs.dayOver.name })
  jobs.dayOver.handle({ concurrency: 1 }, async ({ payload, publishedAt }) => {
    await keepDay(db, payload.day ?? dayBefore(publishedAt))
  })
}
