// `tenfold scale`: more or fewer processes of a role, live.

import { type Command, UsageError, wholeNumber } from './command.ts'
import { followClimb } from './progress.ts'

const scaleTimeoutMs = 600_000

export const scale: Command = {
  name: 'scale',
  usage: 'front|web|worker N',
  summary: 'change how many processes a role has, live',
  details: `N processes of that role in the whole system, 256 at most. Returns when the new ones serve, or when those that are too
many have finished what they had in hand and are gone.`,
  words: [2, 2],
  async run(target, [role, count]) {
    if (role !== 'front' && role !== 'web' && role !== 'worker')
      throw new UsageError(`front, web and worker can be scaled, got ${role}`)
    const wanted = wholeNumber(count, 'N')
    const client = await target.client()
    await client.scale(role, wanted)
    const status = await followClimb(client, target, scaleTimeoutMs)
    target.print(status, `${role}: ${status.nodes.filter((node) => node.role === role).length}`)
  },
}
