// Jobs that come many at once, put together by what they are about, so that each thing is written once for all of its jobs.

interface Failable {
  fail(reason: unknown): void
}

/** One group after the other. When `work` throws, the jobs of its group failed, and no others. */
export async function eachGroup<J extends Failable>(
  jobs: readonly J[],
  keyOf: (job: J) => string,
  work: (group: readonly [J, ...J[]]) => Promise<void>,
): Promise<void> {
  for (const group of Map.groupBy(jobs, keyOf).values()) {
    try {
      await work(group as [J, ...J[]])
    } catch (error) {
      for (const job of group) job.fail(error)
    }
  }
}
