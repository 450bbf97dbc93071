// The peers: no dependencies of ours. They are put into a folder of the temporary directory, in the versions named here (all
// of them MIT, released within the last months).

import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const packages = ['pg-boss@12.38.0', 'graphile-worker@0.18.0', 'bullmq@6.7.0', 'ioredis@5.11.1']

/** Where they are. */
export async function installPeers(): Promise<string> {
  const prefix = join(tmpdir(), 'tenfold-bench-queue-packages')
  await mkdir(prefix, { recursive: true })
  const args = ['install', '--prefix', prefix, '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', ...packages]
  await promisify(execFile)('npm', args)
  return prefix
}
