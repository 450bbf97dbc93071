// A process that serves on the inherited descriptor 3 and answers with its name, over TLS where it is given a directory of
// certificates. SIGTERM drains it. Run: node shared-socket-server.ts NAME [DIRECTORY]

import type { Exchange } from '../../http1/exchange.ts'
import { Certificates } from '../../tls/certificates.ts'
import { HttpServer } from '../http-server.ts'

const [name = '', directory] = process.argv.slice(2)
const certificates = directory === undefined ? undefined : await Certificates.open(directory)
const server = new HttpServer({
  // Not at once: a drain shall meet requests in the middle.
  handle: (exchange: Exchange) => void setTimeout(() => exchange.answerWhole(200, '', Buffer.from(name)), 2),
})
const tls = certificates && { certificates, ticketSecret: Buffer.from('shared') }
await server.listen({ fd: 3 }, { tls, servesPlainHttp2: true })
process.on('SIGTERM', async () => {
  await server.drain(5000)
  certificates?.close()
})
console.log('ready')
