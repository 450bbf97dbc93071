// Where nats-server is on this machine.

import { checkProgram, findProgram, type SystemProgram } from '../system-program.ts'
import type { NatsBinary } from './contract.ts'

const nats: SystemProgram = {
  ...{ name: 'NATS', file: 'nats-server', versionArgument: '--version' },
  version: /nats-server: v(\d+\.\d+[^\s]*)/,
  // JetStream's own account of health by the system account, msg-id windows on work queues.
  oldest: [2, 9],
  // Debian has it where only root looks.
  furtherDirs: ['/usr/sbin', '/usr/bin', '/usr/local/bin', '/opt/homebrew/bin'],
  howToGet: 'apt install nats-server, or brew install nats-server',
}

/** @throws program-missing when there is none, it does not run, or it is too old. May be called any number of times. */
export function findNats(): Promise<NatsBinary> {
  return findProgram(nats)
}

/** @throws program-missing when `path` does not run, is not NATS, or is too old. */
export function checkNats(path: string): Promise<NatsBinary> {
  return checkProgram(nats, path)
}
