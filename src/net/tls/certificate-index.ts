// Which certificate a client gets, by the name that it asks for (SNI, RFC 6066, 3).

import type { Certificate } from './certificate.ts'

/** Of several certificates for one name the one that lasts longest wins: it is the renewed one. */
export class CertificateIndex {
  /** For clients that ask for no name, or for one that nobody has: `default`, else the first by name. */
  readonly fallback: Certificate | undefined
  readonly #byHost = new Map<string, Certificate>()

  constructor(certificates: readonly Certificate[]) {
    const sorted = certificates.toSorted((a, b) => (a.name < b.name ? -1 : 1))
    this.fallback = sorted.find(({ name }) => name === 'default') ?? sorted[0]
    for (const certificate of sorted)
      for (const host of certificate.hosts) {
        const other = this.#byHost.get(host)
        if (other === undefined || other.expiresAt < certificate.expiresAt) this.#byHost.set(host, certificate)
      }
  }

  /** An exact name before a wildcard; a wildcard stands for exactly one label (RFC 6125, 6.4.3). */
  pick(host: string): Certificate | undefined {
    const name = host.toLowerCase()
    const exact = this.#byHost.get(name)
    if (exact !== undefined) return exact
    const dot = name.indexOf('.')
    return (dot > 0 ? this.#byHost.get(`*${name.slice(dot)}`) : undefined) ?? this.fallback
  }
}
