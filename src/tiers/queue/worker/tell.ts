// What happens to jobs, told on the channel: who listens pays for it.

import { type JobMessage, openChannel } from '../../../base/channels.ts'
import type { TakenJob } from '../contract.ts'

const channel = openChannel('tenfold:job')

export function tellJob(
  event: JobMessage['event'],
  { queue, id, attempt, trace }: Pick<TakenJob, 'queue' | 'id' | 'attempt' | 'trace'>,
  more?: Pick<JobMessage, 'durationMs' | 'reason' | 'delayMs'>,
): void {
  if (!channel.hasSubscribers) return
  channel.publish({ event, queue, id, attempt, trace, ...more })
}
