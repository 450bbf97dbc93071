// Where a node's output goes: a file that the process itself appends to, so that it does not depend on the supervisor.

import { closeSync, mkdirSync, openSync } from 'node:fs'
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

/** The last lines that say what went wrong, for an error message. */
export async function tailOf(file: string, linesMax = 6): Promise<string> {
  const handle = await open(file, 'r').catch(() => undefined)
  if (!handle) return '(no log)'
  try {
    const { size } = await handle.stat()
    const buffer = Buffer.alloc(Math.min(size, tailBytes))
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
