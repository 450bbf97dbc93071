// `tenfold logs`: what the nodes wrote, merged by time.

import { systemClock } from '../base/clock.ts'
import type { LogLine } from '../control/api.ts'
import { readLogs } from '../control/logs.ts'
import { type Command, wholeNumber } from './command.ts'

const followIntervalMs = 500
const followedMax = 1000

export const logs: Command = {
  name: 'logs',
  usage: '[NODE] [--grep S] [--lines N] [--follow]',
  summary: 'log lines of one node or of all',
  options: { grep: { type: 'string' }, lines: { type: 'string' }, follow: { type: 'boolean' } },
  words: [0, 1],
  async run(target, [node], values) {
    const grep = typeof values['grep'] === 'string' ? values['grep'] : undefined
    const lines = values['lines'] === undefined ? 200 : wholeNumber(String(values['lines']), '--lines')
    const found = await readLogs(target.home, { node, grep, lines })
    target.print(found, found.map(describe).join('\n'))
    if (values['follow'] !== true) return
    let last = found.at(-1)?.time ?? ''
    for (;;) {
      await systemClock.sleep(followIntervalMs)
      const newer = (await readLogs(target.home, { node, grep, lines: followedMax })).filter((line) => line.time > last)
      last = newer.at(-1)?.time ?? last
      for (const line of newer) process.stdout.write(`${target.isJson ? JSON.stringify(line) : describe(line)}\n`)
    }
  },
}

function describe({ time, node, level, message }: LogLine): string {
  return `${time} ${node.padEnd(20)} ${level.padEnd(5)} ${message}`
}
