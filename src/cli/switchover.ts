// `tenfold switchover`: another node becomes the primary of a shard, and nobody notices.

import type { Command } from './command.ts'
import { followClimb } from './progress.ts'

const switchTimeoutMs = 120_000

export const switchover: Command = {
  name: 'switchover',
  usage: 'SHARD [NODE]',
  summary: 'make a replica the primary, live; the one that is least behind when left out',
  words: [1, 2],
  async run(target, [shard, node]) {
    const client = await target.client()
    await client.switchover(String(shard), node)
    const status = await followClimb(client, target, switchTimeoutMs)
    const now = status.shards.find(({ id }) => id === shard)
    target.print(status, `${shard}: primary ${now?.primary}, timeline ${now?.timeline}`)
  },
}
