// The load, in a process of its own: so many clients, each sending its next request when it has the answer to the one
// before. Raw sockets and a look for the end of the answer: the client must cost less than what it measures.

import { connect } from 'node:net'

const [port, clients, seconds] = process.argv.slice(2).map(Number) as [number, number, number]
const rows = 10_000
const latenciesMs: number[] = []
let failures = 0
let isOver = false

function client(): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    socket.setNoDelay(true)
    let sentAt = 0
    let text = ''
    const send = () => {
      sentAt = performance.now()
      if (isOver) socket.end()
      else socket.write(`GET /notes/${1 + Math.floor(Math.random() * rows)} HTTP/1.1\r\nHost: bench\r\n\r\n`)
    }
    socket.on('connect', send)
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      const head = text.indexOf('\r\n\r\n')
      if (head === -1) return
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1])
      if (text.length < head + 4 + length) return
      if (!text.startsWith('HTTP/1.1 200') || length < 200) failures++
      latenciesMs.push(performance.now() - sentAt)
      text = ''
      send()
    })
    socket.on('error', reject)
    socket.on('close', () => resolve())
  })
}

setTimeout(() => {
  isOver = true
}, seconds * 1000)
await Promise.all(Array.from({ length: clients }, client))
latenciesMs.sort((a, b) => a - b)
const at = (share: number) => latenciesMs[Math.floor(share * (latenciesMs.length - 1))] as number
console.log(JSON.stringify({ requests: latenciesMs.length, seconds, failures, p50Ms: at(0.5), p99Ms: at(0.99) }))
