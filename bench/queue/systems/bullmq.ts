// BullMQ on Redis with an append-only file: synced at every write (as durable as the others here), and every second.

import { loadPeer } from '../../cache/peers.ts'
import { jobsAtOnce, type Open, type Payload } from './system.ts'

export const openBullmqAlways = open('always')
export const openBullmqEverysec = open('everysec')

function open(fsync: 'always' | 'everysec'): Open {
  return async ({ folder, redis, queue }) => {
    const { Queue, Worker } = await loadPeer(folder, 'bullmq')
    const connection = { host: '127.0.0.1', ...redis[fsync], maxRetriesPerRequest: null }
    const jobs = new Queue(queue, { connection })
    await jobs.waitUntilReady()
    const opts = { removeOnComplete: true, removeOnFail: true }
    let worker: { close(): Promise<void> } | undefined
    return {
      publish: (payload) => jobs.add('job', payload, opts),
      publishMany: (payloads) => jobs.addBulk(payloads.map((data) => ({ name: 'job', data, opts }))),
      async work(handle) {
        const handler = async ({ data }: { data: Payload }) => handle(data)
        const started = new Worker(queue, handler, { connection, concurrency: jobsAtOnce })
        started.on('error', console.error)
        worker = started
        await started.waitUntilReady()
      },
      async close() {
        await worker?.close()
        await jobs.close()
      },
    }
  }
}
