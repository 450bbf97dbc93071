// Processor time of everything that takes part. Load and servers share one machine, and so throughput alone says what
// the machine's processors allow together; this says who used them.

import { cpuMsOf, cpuMsOfChildren } from '../web/processor-time.ts'

export interface Parts {
  load: number
  pgBouncer: number | undefined
  primary: { pid: number }
  replicas: ReadonlyArray<{ pid: number }>
}

/** Milliseconds so far, by part. */
export function processorTimes({ load, pgBouncer, primary, replicas }: Parts): Record<keyof Parts, number> {
  const ofServer = ({ pid }: { pid: number }) => cpuMsOf(pid) + cpuMsOfChildren(pid)
  return {
    load: cpuMsOf(load),
    pgBouncer: pgBouncer === undefined ? 0 : cpuMsOf(pgBouncer),
    primary: ofServer(primary),
    replicas: replicas.reduce((sum, replica) => sum + ofServer(replica), 0),
  }
}
