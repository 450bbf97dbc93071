// The front as a proxy of small answers, beside nginx, HAProxy and the proxies of the Node world: one thread each, the
// same server behind, rounds in turns. Needs wrk and nginx on the path; what else is missing is left out and named.
// Run: node -C source bench/front/run.ts [--rounds 3] [--seconds 3] [--clients 64] [--bytes 1024] [--only nginx,HAProxy]

import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { compareAtFull, options } from './at-full.ts'
import * as measure from './measure.ts'
import { type Command, proxyingHaproxy, proxyingNginx } from './programs.ts'

const targets = { nginx: 0.6, bestOfNode: 2.5 }
const libraries = ['http-proxy', '@fastify/http-proxy']
const packages = ['http-proxy@1.18.1', '@fastify/http-proxy@11.6.3', 'fastify@5.12.8']

const { values } = parseArgs({
  options: {
    ...options,
    rounds: { type: 'string', default: '3' },
    bytes: { type: 'string', default: '1024' },
  },
})

const folder = await installPackages()
const rounds = await compareAtFull({ what: 'answers', bytes: Number(values.bytes) }, values, (dir, serverPort) => {
  const peer = (name: string) => async (port: number) =>
    measure.node('peer.ts', name, String(port), String(serverPort), folder)
  const commands: Record<string, (port: number) => Promise<Command>> = {
    [measure.ours]: async (port) => measure.node('front.ts', String(port), String(serverPort)),
    nginx: (port) => proxyingNginx(dir, port, serverPort),
    HAProxy: (port) => proxyingHaproxy(dir, port, serverPort),
  }
  for (const name of [...libraries, 'node:http + undici']) commands[name] = peer(name)
  return commands
})
const nginx = measure.ratioTo(rounds, 'nginx')
const best = libraries.map((name) => measure.ratioTo(rounds, name)).filter((ratio) => ratio !== undefined)
if (nginx) measure.say('of nginx', measure.lower(nginx), targets.nginx)
if (best.length > 0)
  measure.say('of the best library of Node', Math.min(...best.map(measure.lower)), targets.bestOfNode)

/** Peers are no dependencies of ours: they are put into a folder of their own, in the versions that are named above. */
async function installPackages(): Promise<string> {
  const prefix = join(tmpdir(), 'tenfold-bench-front-packages')
  await mkdir(prefix, { recursive: true })
  const args = ['install', '--prefix', prefix, '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', ...packages]
  await promisify(execFile)('npm', args).catch((error) => console.error(`packages are missing: ${String(error)}`))
  return prefix
}
