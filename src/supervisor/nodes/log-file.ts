// Where a node's output goes: a file that the process itself appends to, so that it does not depend on the supervisor.

import { closeSync, mkdirSync, openSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname } from 'node:path'

const tailBytes = 16 * 1024

/** Lends a descriptor for appending while `use` runs. */
export function withLogFile<T>(file: string, use: (fd: number) => T): T {
  mkdirSync(dirname(file), { recursive: true })
  const fd = openSync(file, 'a', 0o640)
  try {
    return use(fd)
  } finally {
    closeSync(fd)
  }
}

/** Where the next line will be written; what an earlier process wrote lies before it. */
export function endOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}

/** The last lines after `start` that say what went wrong, for an error message. */
export async function tailOf(file: string, start = 0, linesMax = 6): Promise<string> {
  const handle = await open(file, 'r').catch(() => undefined)
  if (!handle) return '(no log)'
  try {
    const { size } = await handle.stat()
    const buffer = Buffer.alloc(Math.min(Math.max(size - start, 0), tailBytes))
    await handle.read(buffer, 0, buffer.length, size - buffer.length)
    const lines = buffer.toString('utf8').trimEnd().split('\n')
    const fatal = lines.findLast((line) => line.includes('"level":60'))
    return fatal ? messageOf(fatal) : lines.slice(-linesMax).join('\n')
  } finally {
    await handle.close()
  }
}

function messageOf(line: string): string {
  try {
    const { msg, err } = JSON.parse(line) as { msg?: string; err?: { stack?: string } }
    return [msg, err?.stack].filter(Boolean).join('\n')
  } catch {
    return line
  }
}
