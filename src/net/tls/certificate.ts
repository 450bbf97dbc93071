// One certificate with its key, checked before anybody relies on it: a pair that does not fit must be met here, and not in
// the first handshake.

import { createPrivateKey, X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContext } from 'node:tls'
import { TenfoldError } from '../../base/errors.ts'
import { contextOptions } from './context-options.ts'

/** Text of PEM files: the certificate with its chain, and the key. Both may be the same text. */
export interface CertificatePems {
  cert: string
  key: string
}

export interface Certificate {
  /** Of its files, without the ending. */
  readonly name: string
  /** Host names that it is good for, in small letters; `*.example.com` stands for one label. */
  readonly hosts: readonly string[]
  readonly expiresAt: Date
  readonly pems: CertificatePems
  readonly context: SecureContext
}

/** @throws bad-input, with the reason, when no connection could be served with it. */
export function readCertificate(name: string, pems: CertificatePems): Certificate {
  try {
    const certificate = new X509Certificate(pems.cert)
    if (!certificate.checkPrivateKey(createPrivateKey(pems.key)))
      throw new Error('the key belongs to another certificate')
    const context = createSecureContext({ ...contextOptions, ...pems })
    return { name, hosts: hostsOf(certificate), expiresAt: new Date(certificate.validTo), pems, context }
  } catch (cause) {
    throw new TenfoldError('bad-input', `the certificate ${name} cannot be used`, { cause, details: { name } })
  }
}

/** Names of any other kind or spelling, quoted ones above all, are no names that a client asks for. */
function hostsOf({ subjectAltName = '' }: X509Certificate): string[] {
  return subjectAltName.split(', ').flatMap((item) => {
    const [, host] = /^DNS:((?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)$/i.exec(item) ?? []
    return host === undefined ? [] : host.toLowerCase()
  })
}
