// How long a request takes while the front is half busy: the same rate at each, half of what nginx or the front takes at
// most, whichever is less. Needs wrk, h2load and nginx.
// Run: node -C source bench/front/half-load.ts [--rounds 5] [--seconds 4] [--clients 32] [--only nginx]

import { parseArgs } from 'node:util'
import * as measure from './measure.ts'
import { answeringNginx, type Command, cachingNginx, proxyingHaproxy, proxyingNginx } from './programs.ts'

/** Our p99 over nginx's. */
const p99Max = 1.5
const probeSeconds = 3

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    clients: { type: 'string', default: '32' },
    only: { type: 'string' },
  },
})

type Commands = Record<string, (port: number, dir: string, serverPort: number) => Promise<Command>>

const ours = (...more: string[]): Commands => ({
  [measure.ours]: async (port, _, serverPort) => measure.node('front.ts', String(port), String(serverPort), ...more),
})

await compare('proxying', {
  ...ours(),
  nginx: (port, dir, serverPort) => proxyingNginx(dir, port, serverPort),
  HAProxy: (port, dir, serverPort) => proxyingHaproxy(dir, port, serverPort),
})
await compare('an object that is kept', {
  ...ours('edge'),
  nginx: (port, dir, serverPort) => cachingNginx(dir, port, serverPort),
})

async function compare(what: string, commands: Commands): Promise<void> {
  await using bench = await measure.Bench.open()
  const { dir } = bench
  const serverPort = await measure.freePort()
  await bench.start(await answeringNginx(dir, serverPort, 1024), serverPort)
  const started = Object.entries(commands).map(([name, commandOf]) => [
    name,
    (port: number) => commandOf(port, dir, serverPort),
  ])
  const proxies = await bench.startAll(Object.fromEntries(started), values.only)
  const clients = Number(values.clients)
  const most: number[] = []
  for (const proxy of proxies.filter(({ name }) => name === measure.ours || name === 'nginx')) {
    await measure.wrk(proxy, { seconds: probeSeconds, clients })
    most.push((await measure.wrk(proxy, { seconds: probeSeconds, clients })).perSecond)
  }
  const perSecond = Math.min(...most) / 2
  measure.printMachine(`${what}, answers of 1024 bytes, ${perSecond.toFixed(0)} requests/s over ${clients} kept connections,
${values.rounds} rounds of ${values.seconds} s in turns; medians`)
  const rounds = await measure.inTurns(proxies, {
    rounds: Number(values.rounds),
    measure: (proxy, seconds = Number(values.seconds)) => measure.atRate(proxy, { perSecond, seconds, clients, dir }),
  })
  measure.printTable(rounds)
  const p99 = measure.ratioTo(rounds, 'nginx')?.p99
  if (p99 !== undefined) measure.say(`p99 over that of nginx, ${what}`, p99, p99Max, p99 <= p99Max)
  console.log()
}
