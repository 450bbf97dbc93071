// A real process for tests: serves on the inherited descriptor 3, answers with its own name, drains on SIGTERM.

import { DrainableServer } from '../drainable-server.ts'

const name = process.argv[2] ?? 'unnamed'
const server = new DrainableServer((_request, response) => response.end(name))
await server.listen({ fd: 3 })
process.on('SIGTERM', async () => {
  server.stopAccepting()
  process.stdout.write('left\n')
  await server.drain(10_000)
})
process.stdout.write('ready\n')
