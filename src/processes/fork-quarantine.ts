// Begins the process in which a worker's suspect jobs run (tiers/queue/worker/quarantine): quarantine.ts, of the same node.

import { type ChildProcess, fork } from 'node:child_process'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'

export function forkQuarantine(): ChildProcess {
  const file = fileURLToPath(new URL(`./quarantine${extname(import.meta.filename)}`, import.meta.url))
  const env = { ...process.env }
  delete env['LISTEN_FDS'] // its worker's sockets are not its own
  // It writes to the log of its worker. Not detached: the node's own process is the one that leads its session.
  return fork(file, { env, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
}
