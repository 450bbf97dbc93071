// The stress that every service must pass: start and stop from all sides at once, in any order, then once more in order.
// After riverqueue/river's startstoptest.Stress.

import type { Random } from './random.ts'

const callers = 8
const roundsEach = 6

/** Rejects when a start or stop rejects or the service is unusable afterwards; leaves it stopped. */
export async function stressLifecycle(
  service: { start(): Promise<void>; stop(): Promise<void> },
  random: Random,
  isUsable: () => Promise<boolean>,
): Promise<void> {
  await service.stop() // before any start
  await Promise.all(
    Array.from({ length: callers }, async () => {
      for (let round = 0; round < roundsEach; round++) await (random.next() < 0.5 ? service.start() : service.stop())
    }),
  )
  await service.start()
  await service.start()
  if (!(await isUsable())) throw new Error('the service is not usable after its last start')
  await Promise.all([service.stop(), service.stop()])
  await service.stop()
}
