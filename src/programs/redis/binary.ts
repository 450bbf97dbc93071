// Where redis-server is on this machine.

import { checkProgram, findProgram, type SystemProgram } from '../system-program.ts'
import type { RedisBinary } from './contract.ts'

const redis: SystemProgram = {
  ...{ name: 'Redis', file: 'redis-server', versionArgument: '--version' },
  // Valkey says `Valkey server v=8.0.1 ...` under the same name, where a package links it.
  version: /server v=(\d+\.\d+[^\s]*)/,
  // ACL files, FAILOVER, CLUSTER ADDSLOTSRANGE, protected configuration.
  oldest: [7, 0],
  furtherDirs: ['/usr/bin', '/usr/local/bin', '/opt/homebrew/bin'],
  howToGet: 'apt install redis-server, or brew install redis',
}

/** @throws program-missing when there is none, it does not run, or it is too old. May be called any number of times. */
export function findRedis(): Promise<RedisBinary> {
  return findProgram(redis)
}

/** @throws program-missing when `path` does not run, is not Redis, or is too old. */
export function checkRedis(path: string): Promise<RedisBinary> {
  return checkProgram(redis, path)
}
