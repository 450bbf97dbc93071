// An object that is kept, given again and again: the edge beside the caches of nginx, Varnish and HAProxy, in one run.
// Run: node -C source bench/front/cached.ts [--bytes 1024,102400] [--rounds 5] [--seconds 3] [--clients 64] [--only nginx,Varnish]

import { parseArgs } from 'node:util'
import { compareAtFull, options } from './at-full.ts'
import * as measure from './measure.ts'
import { cachingHaproxy, cachingNginx, cachingVarnish } from './programs.ts'

/** By the size of the object: a small one, and one that is not. */
const targets: Record<string, Record<string, number>> = {
  1024: { nginx: 0.9, 'nginx, tcp_nopush': 0.9, Varnish: 0.7 },
  102400: { nginx: 1, 'nginx, tcp_nopush': 1, Varnish: 1 },
}

const { values } = parseArgs({
  options: {
    ...options,
    rounds: { type: 'string', default: '5' },
    bytes: { type: 'string', default: '1024,102400' },
  },
})

for (const bytes of values.bytes.split(',')) {
  const rounds = await compareAtFull({ what: 'an object', bytes: Number(bytes) }, values, (dir, serverPort) => ({
    [measure.ours]: async (port) => measure.node('front.ts', String(port), String(serverPort), 'edge'),
    nginx: (port) => cachingNginx(dir, port, serverPort),
    'nginx, tcp_nopush': (port) => cachingNginx(dir, port, serverPort, { nopush: true }),
    Varnish: (port) => cachingVarnish(dir, port, serverPort),
    HAProxy: (port) => cachingHaproxy(dir, port, serverPort),
  }))
  for (const [name, target] of Object.entries(targets[bytes] ?? {})) {
    const ratio = measure.ratioTo(rounds, name)
    if (ratio) measure.say(`of ${name}, ${bytes} bytes`, measure.lower(ratio), target)
  }
  console.log()
}
