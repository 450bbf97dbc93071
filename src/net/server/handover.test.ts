// Processes that share one listening socket take over from each other under load, in every protocol, and no request fails.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { Agent, get } from 'node:http'
import { type ClientHttp2Session, connect, constants } from 'node:http2'
import { BoundSocket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { waitUntil } from '../../base/limits.ts'
import { address, limitMs } from '../http1/testing/front.ts'
import { makeDirectory, putPem } from '../tls/testing/certificates.ts'

type Ask = () => Promise<string>

const clients: Record<string, (port: number, isSecure: boolean) => { ask: Ask; close(): void }> = {
  'HTTP/1.1': (port) => {
    const agent = new Agent({ keepAlive: true })
    return { ask: () => askHttp1(port, agent), close: () => agent.destroy() }
  },
  'HTTP/2': openHttp2,
  'HTTP/2 over TLS': openHttp2,
}

for (const [protocol, open] of Object.entries(clients))
  test(`processes hand over three times under load without a failed request: ${protocol}`, async (t) => {
    const isSecure = protocol.endsWith('TLS')
    const directory = await makeDirectory(t)
    if (isSecure) await putPem(directory, 'a', ['a.test'])
    const bound = new BoundSocket({ host: address, port: 0 })
    t.after(() => bound.close())
    const { port } = bound.address()
    const start = (name: string) =>
      startProcess(t, { name, fd: bound.fd(), directory: isSecure ? directory : undefined })
    let running = await start('process 0')
    const load = startLoad(() => open(port, isSecure))
    for (let i = 1; i <= 3; i++) {
      const next = await start(`process ${i}`)
      const exit = once(running, 'exit')
      running.kill('SIGTERM')
      const [code] = await exit
      assert.equal(code, 0)
      await waitUntil(() => (load.answers.get(`process ${i}`) ?? 0) > 50, { what: `process ${i}`, timeoutMs: limitMs })
      running = next
    }
    await load.stop()
    assert.deepEqual(load.failures, [])
    const exit = once(running, 'exit')
    running.kill('SIGTERM')
    await exit
  })

async function startProcess(
  t: TestContext,
  { name, fd, directory }: { name: string; fd: number; directory: string | undefined },
): Promise<ChildProcess> {
  const script = fileURLToPath(new URL('testing/shared-socket-server.ts', import.meta.url))
  const args = ['-C', 'source', script, name, ...(directory === undefined ? [] : [directory])]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit', fd] })
  t.after(() => void child.kill('SIGKILL'))
  await once(child.stdout as NonNullable<ChildProcess['stdout']>, 'data')
  return child
}

/** Eight clients that ask again as soon as they have an answer. */
function startLoad(open: () => { ask: Ask; close(): void }) {
  const answers = new Map<string, number>()
  const failures: string[] = []
  let isStopping = false
  const run = async () => {
    const client = open()
    while (!isStopping) {
      const text = await client.ask().catch((error: Error) => void failures.push(error.message))
      if (text) answers.set(text, (answers.get(text) ?? 0) + 1)
    }
    client.close()
  }
  const running = Array.from({ length: 8 }, run)
  return {
    answers,
    failures,
    async stop() {
      isStopping = true
      await Promise.all(running)
    },
  }
}

function askHttp1(port: number, agent: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ host: address, port, agent }, (response) => {
      response.setEncoding('utf8')
      response.on('data', resolve)
      response.on('error', reject)
    }).on('error', reject)
  })
}

/** As browsers do: a connection that was told to go is left, and a request that it certainly did not take is asked again. */
function openHttp2(port: number, isSecure: boolean): { ask: Ask; close(): void } {
  let session: ClientHttp2Session | undefined
  const current = () => {
    if (session !== undefined && !session.closed && !session.destroyed) return session
    session = connect(`${isSecure ? 'https' : 'http'}://${address}:${port}`, { rejectUnauthorized: false })
    session.on('error', () => {})
    return session
  }
  const ask = async (): Promise<string> => {
    for (let attempt = 0; attempt < 3; attempt++) {
      const answer = await askHttp2(current())
      if (answer !== undefined) return answer
    }
    throw new Error('refused three times')
  }
  return { ask, close: () => session?.close() }
}

function askHttp2(session: ClientHttp2Session): Promise<string | undefined> {
  const stream = session.request({})
  return new Promise((resolve, reject) => {
    let text = ''
    stream.setEncoding('utf8')
    stream.on('data', (piece: string) => {
      text += piece
    })
    stream.on('error', (error) => {
      if (stream.rstCode === constants.NGHTTP2_REFUSED_STREAM) resolve(undefined)
      else reject(error)
    })
    stream.on('end', () => {
      if (text !== '') resolve(text)
    })
    stream.on('close', () => reject(new Error(`closed with ${stream.rstCode}`)))
  })
}
