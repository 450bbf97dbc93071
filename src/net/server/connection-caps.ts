// How many connections there may be, in all and from one address. One object for all listeners of a process, where they
// shall be counted together.

import { addressKey } from './address-key.ts'

export interface ConnectionCapLimits {
  connectionsMax: number
  connectionsPerAddressMax: number
}

export class ConnectionCaps {
  readonly #limits: ConnectionCapLimits
  readonly #perAddress = new Map<string, number>()
  #open = 0

  constructor(limits: ConnectionCapLimits) {
    this.#limits = limits
  }

  get open(): number {
    return this.#open
  }

  /** Takes a place, or answers false. Each place that was taken is given back by `release`. */
  take(): boolean {
    if (this.#open >= this.#limits.connectionsMax) return false
    this.#open++
    return true
  }

  release(): void {
    this.#open--
  }

  /** The same for a client's address, once that is known. `isExempt`: counted, and never refused. */
  takeAddress(address: string, { isExempt }: { isExempt: boolean }): boolean {
    const key = addressKey(address)
    const ofAddress = this.#perAddress.get(key) ?? 0
    if (!isExempt && ofAddress >= this.#limits.connectionsPerAddressMax) return false
    this.#perAddress.set(key, ofAddress + 1)
    return true
  }

  releaseAddress(address: string): void {
    const key = addressKey(address)
    const left = (this.#perAddress.get(key) ?? 1) - 1
    if (left > 0) this.#perAddress.set(key, left)
    else this.#perAddress.delete(key)
  }
}
