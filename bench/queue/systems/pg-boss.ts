// pg-boss: 500 jobs of a fetch (it sleeps between fetches, and its own measurements take batches), polled as often as it allows.

import { loadPeer } from '../../cache/peers.ts'
import type { Open, Payload } from './system.ts'

const batchSize = 500
const pollingIntervalSeconds = 0.5

export const openPgBoss: Open = async ({ folder, postgres, queue }) => {
  const { PgBoss, default: Default } = await loadPeer(folder, 'pg-boss')
  const Boss = PgBoss ?? Default
  const { address, port, owner } = postgres
  const boss = new Boss({
    ...{ host: address, port, user: 'owner', password: owner, database: 'app' },
    max: 10,
    schema: 'peer_boss',
    supervise: false,
    schedule: false,
  })
  boss.on('error', console.error)
  await boss.start()
  await boss.createQueue(queue)
  return {
    publish: (payload) => boss.send(queue, payload),
    publishMany: (payloads) =>
      boss.insert(
        queue,
        payloads.map((data) => ({ data })),
      ),
    async work(handle) {
      const options = { batchSize, pollingIntervalSeconds }
      await boss.work(queue, options, async (jobs: Array<{ data: Payload }>) => {
        for (const { data } of jobs) handle(data)
      })
    },
    close: () => boss.stop({ graceful: false }),
  }
}
