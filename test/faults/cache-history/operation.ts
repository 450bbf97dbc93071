// What is kept of one thing that a process did with the cache, or with the truth behind it.
//
// Times are of CLOCK_MONOTONIC, which all processes of a machine share (process.hrtime on Linux and macOS), in milliseconds.
// A value is the name of the write that made it, so that whatever is read names its writer; which of two writes is the
// newer one, the truth says: it keeps the names of all writes of a key in their order.

export interface Read {
  kind: 'read'
  /** `wrap` answers with something unless there is nothing; the others may find nothing at any time. */
  by: 'wrap' | 'get' | 'peek'
  process: string
  key: string
  /** Undefined: nothing was found. */
  seen: string | undefined
  fromMs: number
  toMs: number
}

export interface Write {
  kind: 'write'
  by: string
  process: string
  key: string
  name: string
  fromMs: number
  /** When it was acknowledged, cache included. A write of a process that died has none. */
  toMs: number
}

export type Operation = Read | Write

/** Of each key the names of its writes in the order of the truth. Those that delete begin with a minus. */
export type Truth = ReadonlyMap<string, readonly string[]>

export function isDeletion(name: string): boolean {
  return name.startsWith('-')
}

export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
