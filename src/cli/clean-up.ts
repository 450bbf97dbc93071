// What a command leaves behind when a person interrupts it: nothing.

/** Runs the work; on Ctrl-C or SIGTERM cleans up and ends the process. What the work itself cleans up is its own matter. */
export async function cleaningUp<T>(cleanUp: () => Promise<void>, work: () => Promise<T>): Promise<T> {
  const interrupt = () => {
    void cleanUp().finally(() => process.exit(interruptedCode))
  }
  process.once('SIGINT', interrupt)
  process.once('SIGTERM', interrupt)
  try {
    return await work()
  } finally {
    process.off('SIGINT', interrupt)
    process.off('SIGTERM', interrupt)
  }
}

/** By the shells' convention: 128 and the number of SIGINT. */
const interruptedCode = 130
