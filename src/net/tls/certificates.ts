// The certificates of a directory, kept up to date while connections are served. A pair that cannot be used leaves the one
// before it in place, and is told once. The directory is looked at again and again, because notices of the file system do not
// come through mounts and turned links; and a pair is read when it has not changed between two looks, so that a half-written
// one is not taken for a bad one.

import { type Clock, systemClock } from '../../base/clock.ts'
import { describeError, TenfoldError } from '../../base/errors.ts'
import { type Certificate, readCertificate } from './certificate.ts'
import { type CertificateFiles, findCertificateFiles, readCertificateFiles } from './certificate-files.ts'
import { CertificateIndex } from './certificate-index.ts'

export interface CertificatesOptions {
  lookIntervalMs?: number
  /** In one sentence, for people: a pair that cannot be used, with what is done instead. */
  onTrouble?: (message: string) => void
  clock?: Clock
}

interface Known {
  stamp: string
  certificate: Certificate | undefined
}

export class Certificates {
  readonly #directory: string
  readonly #options: CertificatesOptions
  readonly #clock: Clock
  readonly #known = new Map<string, Known>()
  readonly #changing = new Map<string, string>()
  readonly #warned = new WeakSet<Certificate>()
  readonly #listeners = new Set<() => void>()
  readonly #closing = new AbortController()
  #index = new CertificateIndex([])
  #lastTrouble = ''

  /** @throws bad-input when the directory has no certificate that can be used. */
  static async open(directory: string, options: CertificatesOptions = {}): Promise<Certificates> {
    const certificates = new Certificates(directory, options)
    await certificates.#look({ waitsForRest: false })
    if (certificates.#index.fallback === undefined)
      throw new TenfoldError('bad-input', `there is no certificate that can be used in ${directory}`, {
        cause: certificates.#lastTrouble || 'name.crt with name.key, or name.pem, is what is looked for',
        details: { directory },
      })
    void certificates.#watch()
    return certificates
  }

  private constructor(directory: string, options: CertificatesOptions) {
    this.#directory = directory
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  /** For clients that ask for no name. There always is one. */
  get fallback(): Certificate {
    return this.#index.fallback as Certificate
  }

  /** All that are in use now. */
  get list(): Certificate[] {
    return [...this.#known.values()].flatMap(({ certificate }) => certificate ?? [])
  }

  pick(host: string): Certificate {
    return this.#index.pick(host) ?? this.fallback
  }

  /** Calls back after each change. The answer ends that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Looks no more; what was read stays usable. May be called twice. */
  close(): void {
    this.#closing.abort()
    this.#listeners.clear()
  }

  async #watch(): Promise<void> {
    const { signal } = this.#closing
    while (!signal.aborted) {
      await this.#clock.sleep(this.#options.lookIntervalMs ?? lookIntervalMs, signal)
      if (!signal.aborted) await this.#look({ waitsForRest: true })
    }
  }

  async #look({ waitsForRest }: { waitsForRest: boolean }): Promise<void> {
    let found: Map<string, CertificateFiles>
    try {
      found = await findCertificateFiles(this.#directory)
    } catch (error) {
      this.#tell(`the certificates in ${this.#directory} cannot be looked at: ${describeError(error)}`)
      return
    }
    let hasChanged = this.#forgetMissing(found)
    for (const [name, files] of found) {
      if (this.#known.get(name)?.stamp === files.stamp) continue
      const isAtRest = this.#changing.get(name) === files.stamp
      this.#changing.set(name, files.stamp)
      if (waitsForRest && !isAtRest) continue
      this.#changing.delete(name)
      hasChanged = (await this.#read(name, files)) || hasChanged
    }
    this.#warnOfExpiry()
    if (!hasChanged) return
    this.#index = new CertificateIndex(this.list)
    for (const listener of this.#listeners) listener()
  }

  /** Once for each, while there is time to renew it. */
  #warnOfExpiry(): void {
    for (const certificate of this.list) {
      const leftMs = certificate.expiresAt.getTime() - this.#clock.now()
      if (leftMs <= 0 || leftMs > warnBeforeMs || this.#warned.has(certificate)) continue
      this.#warned.add(certificate)
      this.#tell(`the certificate ${certificate.name} expires at ${certificate.expiresAt.toISOString()}; renew it`)
    }
  }

  /** True when there is a new certificate. */
  async #read(name: string, files: CertificateFiles): Promise<boolean> {
    const before = this.#known.get(name)?.certificate
    try {
      const certificate = readCertificate(name, await readCertificateFiles(files))
      const isExpired = certificate.expiresAt.getTime() < this.#clock.now()
      if (isExpired) {
        if (before !== undefined) throw new Error(`it expired at ${certificate.expiresAt.toISOString()}`)
        this.#tell(`the certificate ${name} expired at ${certificate.expiresAt.toISOString()}; it is used all the same`)
      }
      this.#known.set(name, { stamp: files.stamp, certificate })
      return true
    } catch (error) {
      this.#known.set(name, { stamp: files.stamp, certificate: before })
      const what = before === undefined ? 'it is left out' : 'the one before it stays in use'
      this.#tell(`${files.certFile} with ${files.keyFile}: ${describeError(error)}; ${what}`)
      return false
    }
  }

  /** The last one stays: no connection can be served without any. */
  #forgetMissing(found: ReadonlyMap<string, CertificateFiles>): boolean {
    const gone = [...this.#known.keys()].filter((name) => !found.has(name))
    if (gone.length === 0) return false
    const isAny = [...this.#known].some(([name, { certificate }]) => certificate !== undefined && found.has(name))
    if (!isAny) {
      this.#tell(`there is no certificate in ${this.#directory} any more; the ones before stay in use`)
      return false
    }
    for (const name of gone) this.#known.delete(name)
    return true
  }

  /** The same trouble at every look is told once. */
  #tell(message: string): void {
    if (message === this.#lastTrouble) return
    this.#lastTrouble = message
    this.#options.onTrouble?.(message)
  }
}

const lookIntervalMs = 2_000
const warnBeforeMs = 14 * 24 * 3_600_000
