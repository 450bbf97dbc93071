// Log lines of the nodes: the end of each node's file, as one list in the order of time.

import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Home } from '../map/home.ts'
import type { LogLine } from './api.ts'

/** How much of a file's end is looked through. */
const tailBytesMax = 1024 * 1024
const linesMax = 10_000
const levelNames: Record<number, string> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
}

export interface LogQuery {
  node?: string | undefined
  lines?: number | undefined
  grep?: string | undefined
}

export async function readLogs(home: Home, { node, lines = 200, grep }: LogQuery): Promise<LogLine[]> {
  const files = (await readdir(home.logs).catch(() => [])).filter((file) => file.endsWith('.log'))
  const wanted = node === undefined ? files : files.filter((file) => nodeOfFile(file) === node)
  const all = await Promise.all(wanted.map((file) => readFileLines(join(home.logs, file), nodeOfFile(file))))
  const found = all.flat().filter((line) => grep === undefined || JSON.stringify(line).includes(grep))
  found.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))
  return found.slice(-Math.min(lines, linesMax))
}

function nodeOfFile(file: string): string {
  return file.slice(0, -'.log'.length).replace('.', '/')
}

async function readFileLines(path: string, node: string): Promise<LogLine[]> {
  const handle = await open(path, 'r')
  try {
    const { size } = await handle.stat()
    const buffer = Buffer.alloc(Math.min(size, tailBytesMax))
    await handle.read(buffer, 0, buffer.length, size - buffer.length)
    const texts = buffer.toString('utf8').split('\n')
    if (size > buffer.length) texts.shift() // cut in the middle
    let time = ''
    return texts
      .filter((text) => text !== '')
      .map((text) => {
        const line = parseLine(text, node, time)
        time = line.time
        return line
      })
  } finally {
    await handle.close()
  }
}

/**
 * JSON lines of ours, `2026-01-31 10:00:00.000 UTC ...` of PostgreSQL, `4711:M 31 Jan 2026 10:00:00.000 * ...` of Redis,
 * anything else of a user's program.
 */
function parseLine(text: string, node: string, lastTime: string): LogLine {
  if (text.startsWith('{')) {
    try {
      const { time, level, msg, message, ...fields } = JSON.parse(text) as Record<string, unknown>
      return {
        ...fields,
        node,
        time: typeof time === 'number' ? new Date(time).toISOString() : String(time ?? lastTime),
        level: levelNames[Number(level)] ?? String(level ?? 'info'),
        message: String(msg ?? message ?? ''),
      }
    } catch {
      // A line that only looks like JSON is text.
    }
  }
  const ofRedis = /^\d+:[A-Z] (\d\d \w{3} \d{4} \d\d:\d\d:\d\d\.\d{3}) ([.*#-]) (.*)$/.exec(text)
  if (ofRedis) {
    const [, stamp = '', mark, message = ''] = ofRedis
    const time = new Date(`${stamp} UTC`)
    const level = mark === '#' ? 'warn' : 'info'
    return { node, time: Number.isNaN(time.getTime()) ? lastTime : time.toISOString(), level, message }
  }
  const stamp = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?) (?:UTC|GMT)/.exec(text)
  const level = / (FATAL|PANIC|ERROR|WARNING): /.exec(text)?.[1]?.toLowerCase() ?? 'info'
  return {
    node,
    time: stamp ? `${stamp[1]}T${stamp[2]}Z` : lastTime,
    level: level === 'warning' ? 'warn' : level,
    message: text,
  }
}
