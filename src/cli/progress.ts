// Progress of long work, for people, on stderr.

import type { Status, SystemEvent } from '../control/api.ts'
import type { ControlClient } from '../control/client.ts'
import type { TargetSystem } from './command.ts'

/** Shows each step until the climb has arrived; throws when it gave up. */
export async function followClimb(client: ControlClient, target: TargetSystem, timeoutMs: number): Promise<Status> {
  const abort = new AbortController()
  const showing = show(client, target, abort.signal)
  try {
    return await client.waitIdle({ timeoutMs })
  } finally {
    abort.abort()
    await showing
  }
}

export function showEvent(target: TargetSystem, event: SystemEvent): void {
  target.note(`${event.at.slice(11, 19)} ${event.level === 'info' ? ' ' : event.level.toUpperCase()} ${event.message}`)
}

async function show(client: ControlClient, target: TargetSystem, signal: AbortSignal): Promise<void> {
  let last = ''
  try {
    for await (const event of client.events(signal)) {
      if (event.name !== 'progress' || event.data === null) continue
      const line = `[${event.data.done + 1}/${event.data.of}] ${event.data.step}`
      if (line !== last) target.note(line)
      last = line
    }
  } catch {
    // The answer of waitIdle tells what happened; this only shows it.
  }
}
