// graphile-worker as it is, and "batch": its local queue and batched completion, which its author names for high loads.

import { loadPeer } from '../../cache/peers.ts'
import { jobsAtOnce, type Open, type Payload } from './system.ts'

const localQueueSize = 500

export const openGraphile = open(false)
export const openGraphileBatch = open(true)

function open(isBatch: boolean): Open {
  return async ({ folder, postgres, queue }) => {
    const { makeWorkerUtils, run, Logger } = await loadPeer(folder, 'graphile-worker')
    const { address, port, owner } = postgres
    const connectionString = `postgres://owner:${encodeURIComponent(owner)}@${address}:${port}/app`
    const logger = new Logger(() => () => {})
    const schema = 'peer_graphile'
    const utils = await makeWorkerUtils({ connectionString, schema, logger, maxPoolSize: 10 })
    await utils.migrate()
    let runner: { stop(): Promise<void> } | undefined
    return {
      publish: (payload) => utils.addJob(queue, payload),
      publishMany: (payloads) => utils.addJobs(payloads.map((payload) => ({ identifier: queue, payload }))),
      async work(handle) {
        runner = await run({
          ...{ connectionString, schema, logger, concurrency: jobsAtOnce, noHandleSignals: true, pollInterval: 500 },
          maxPoolSize: 10,
          taskList: {
            async [queue](payload: Payload) {
              handle(payload)
            },
          },
          ...(isBatch && {
            preset: {
              worker: {
                completeJobBatchDelay: 0,
                failJobBatchDelay: 0,
                localQueue: { size: localQueueSize, refetchDelay: { durationMs: 5 } },
              },
            },
          }),
        })
      },
      async close() {
        await runner?.stop()
        await utils.release()
      },
    }
  }
}
