// Which traces at which sizes: those of our research, so that figures can be compared from one day to another.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { scanTrace, zipfLoopTrace, zipfTrace } from './made-traces.ts'
import { readTrace, type Trace, type TraceFormat } from './read-trace.ts'

export interface Cell {
  name: string
  rooms: readonly number[]
  read: () => Trace
  /** Nothing but a loop larger than the room. */
  isLoop?: boolean
}

interface TraceFile {
  name: string
  file: string
  format: TraceFormat
  rooms: readonly number[]
  isLoop?: boolean
}

const made: readonly Cell[] = [
  { name: 'Zipf 0.9', rooms: [986, 9862], read: () => zipfTrace(0.9) },
  { name: 'Zipf 1.0', rooms: [940, 9398], read: () => zipfTrace(1) },
  { name: 'Zipf 1.0, 20% scanned once', rooms: [1000, 5000, 10_000], read: () => scanTrace() },
  { name: 'Zipf 1.0, 33% a loop', rooms: [1000, 5000], read: () => zipfLoopTrace() },
]

const files: readonly TraceFile[] = [
  { name: 'ARC OLTP', file: 'OLTP.lis.zst', format: 'arc', rooms: [1000, 2000, 5000, 10_000] },
  { name: 'ARC P3', file: 'P3.lis.zst', format: 'arc', rooms: [25_000, 100_000] },
  { name: 'CloudPhysics w92', file: 'cloudPhysicsIO.oracleGeneral.bin', format: 'oracle-general', rooms: [490, 4897] },
  { name: 'CloudPhysics w106', file: 'w106.trace.xz', format: 'int32', rooms: [2752, 27_517] },
  { name: 'cache2k web07', file: 'web07.trace.xz', format: 'int32', rooms: [300, 3000] },
  { name: 'cache2k web12', file: 'web12.trace.xz', format: 'int32', rooms: [300, 3000] },
  { name: 'cache2k orm-busy', file: 'orm-busy.trace.xz', format: 'int32', rooms: [1250, 5000] },
  { name: 'LIRS loop', file: 'loop.trace.gz', format: 'lines', rooms: [256, 512], isLoop: true },
  { name: 'LIRS multi3', file: 'multi3.trace.gz', format: 'lines', rooms: [512, 1024] },
  { name: 'LIRS sprite', file: 'sprite.trace.gz', format: 'lines', rooms: [256, 512] },
  { name: 'corda vaultservice', file: 'trace_vaultservice.gz', format: 'int64', rooms: [9047, 27_140] },
  { name: 'scarab recs', file: 'scarab-recs.trace.xz', format: 'int64', rooms: [25_000, 75_000] },
  { name: 'SIEVE zipf_1.0', file: 'zipf_1.0', format: 'lines', rooms: [10, 100] },
]

/** Those that can be made, and with a folder those whose files lie in it; what is missing is named. */
export function cellsOf(folder: string | undefined): Cell[] {
  if (folder === undefined) return [...made]
  const found = files.filter(({ file }) => {
    if (existsSync(join(folder, file))) return true
    console.error(`left out, not in ${folder}: ${file}`)
    return false
  })
  return [
    ...made,
    ...found.map(({ file, format, ...cell }) => ({ ...cell, read: () => readTrace(folder, file, format) })),
  ]
}
