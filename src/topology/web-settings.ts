// What a process that runs the app reads once, at its start. A change of it means new processes beside the old ones; everything
// else of the topology they follow while they run.

import type { Topology } from './schema.ts'

/** As one word to compare. `nodes`: those of the shared cache and of the queue that it knows, each with its address. */
export function webSettingsOf({ app, web, cache, session, queue }: Topology, nodes: readonly string[]): string {
  const { command, bodyBytesMax } = web
  // A program of the user's has no cache of ours, no sessions and no jobs.
  if (command !== undefined) return JSON.stringify([command])
  const { engine } = queue
  return JSON.stringify([app, bodyBytesMax, cache.bytesMax, session.idleMs, { engine }, ...nodes.toSorted()])
}
