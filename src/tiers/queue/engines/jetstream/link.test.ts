// The connection: there when a server is, whenever that comes to be; nobody waits for it longer than he said.

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { waitUntil } from '../../../../base/limits.ts'
import { startTestNats, type TestNats } from '../../../../programs/nats/testing.ts'
import { NatsLink } from './link.ts'
import { jetStreamLimits } from './options.ts'

const timeoutMs = 20_000

async function openLink(server: TestNats, password = server.secrets.app) {
  const warnings: string[] = []
  const link = await NatsLink.open({
    ...{ servers: [server], username: 'app', password, limits: jetStreamLimits },
    log: { warn: (_about: unknown, text?: unknown) => warnings.push(String(text)) },
  })
  return { link, warnings, [Symbol.asyncDispose]: () => link.close() }
}

it('opens while the server is down, says so once, and is up when it comes; again after the server was killed', async () => {
  await using server = await startTestNats()
  await server.kill()
  await using opened = await openLink(server)
  const { link, warnings } = opened
  assert.equal(link.isUp, false)
  assert.throws(() => link.connection, { code: 'unavailable' })
  assert.equal(await link.whenUp(50), false)
  assert.equal(warnings.length, 1)
  for (let i = 0; i < 2; i++) {
    const up = link.whenUp(timeoutMs)
    await server.start()
    assert.equal(await up, true)
    await link.connection.flush()
    await server.kill()
    await waitUntil(() => !link.isUp, { what: 'word of the end', timeoutMs })
  }
})

it('is never up with a wrong password, and closes all the same, also twice', async () => {
  await using server = await startTestNats()
  const { link, warnings } = await openLink(server, 'wrong')
  assert.equal(await link.whenUp(300), false)
  assert.match(warnings.join(), /authorization/i)
  await link.close()
  await link.close()
  assert.equal(await link.whenUp(timeoutMs), false)
})
