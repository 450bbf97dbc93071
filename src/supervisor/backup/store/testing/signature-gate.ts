// A gate in front of an S3 server for tests that refuses what is not signed as AWS asks: s3rver stores, but does not check.
// Written from AWS's text and not from the signer that it checks: Amazon S3 API Reference, "Authenticating Requests
// (AWS Signature Version 4)". The body's checksum is compared too.

import { createHash, createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, request } from 'node:http'

export interface SignatureGate extends AsyncDisposable {
  url: string
  refused: number
  /** While set, every request is answered with this status, as by a store that has trouble. */
  failWith: number | undefined
  /** While set, an answer breaks off after so many bytes of its content. */
  breakAfterBytes: number | undefined
}

export async function openSignatureGate(upstreamPort: number, secretAccessKey: string): Promise<SignatureGate> {
  const server = createServer(async (incoming, outgoing) => {
    const pieces: Buffer[] = []
    for await (const piece of incoming) pieces.push(piece as Buffer)
    const body = Buffer.concat(pieces)
    const reason = whyRefused(incoming, body, secretAccessKey)
    if (reason !== undefined) gate.refused++
    if (reason !== undefined || gate.failWith !== undefined) {
      const status = reason === undefined ? gate.failWith : 403
      outgoing.writeHead(status ?? 403, { 'content-type': 'application/xml' })
      outgoing.end(`<Error><Code>${reason ?? 'InternalError'}</Code><Message>told by the gate</Message></Error>`)
      return
    }
    const { method, url: path, headers } = incoming
    const onward = request({ host: '127.0.0.1', port: upstreamPort, method, path, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      let leftBytes = gate.breakAfterBytes ?? Number.POSITIVE_INFINITY
      answer.on('data', (piece: Buffer) => {
        outgoing.write(piece.subarray(0, Math.max(0, leftBytes)))
        leftBytes -= piece.length
        if (leftBytes <= 0) outgoing.socket?.destroySoon()
      })
      answer.on('end', () => outgoing.end())
    })
    onward.on('error', () => outgoing.destroy())
    onward.end(body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const gate: SignatureGate = {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    refused: 0,
    failWith: undefined,
    breakAfterBytes: undefined,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return gate
}

function whyRefused({ headers, method, url }: IncomingMessage, body: Buffer, secret: string): string | undefined {
  const { scope, signedHeaders, signature } =
    /^AWS4-HMAC-SHA256 Credential=[^/]+\/(?<scope>\S+?), SignedHeaders=(?<signedHeaders>\S+?), Signature=(?<signature>[0-9a-f]{64})$/.exec(
      headers.authorization ?? '',
    )?.groups ?? {}
  if (!scope || !signedHeaders) return 'AccessDenied'
  const payload = String(headers['x-amz-content-sha256'])
  if (payload !== createHash('sha256').update(body).digest('hex')) return 'XAmzContentSHA256Mismatch'
  const names = signedHeaders.split(';')
  if (!names.includes('host') || !names.includes('x-amz-content-sha256')) return 'AccessDenied'
  const { pathname, searchParams } = new URL(String(url), 'http://gate')
  const query = [...searchParams].map(([name, value]) => `${encode(name)}=${encode(value)}`).sort()
  const canonical = [
    method,
    pathname
      .split('/')
      .map((part) => encode(decodeURIComponent(part)))
      .join('/'),
    query.join('&'),
    ...names.map((name) => `${name}:${String(headers[name]).trim()}`),
    '',
    signedHeaders,
    payload,
  ].join('\n')
  const toSign = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, sha256(canonical)].join('\n')
  const [date = '', region = '', service = '', end = ''] = scope.split('/')
  const key = [date, region, service, end].reduce<string | Buffer>((key, part) => hmac(key, part), `AWS4${secret}`)
  return hmac(key, toSign).toString('hex') === signature ? undefined : 'SignatureDoesNotMatch'
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest()
const encode = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`)
