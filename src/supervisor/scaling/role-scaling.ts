// What the scaler (scaler.ts) needs to know of a role: how its load is looked at, and how many processes that asks for.

import type { ScaledRole, SystemMap } from '../../map/map.ts'
import type { Topology } from '../../topology/schema.ts'

export interface RoleScaling {
  readonly role: ScaledRole
  /** How many processes the load of the moment asks for; undefined before the first look. */
  readonly demanded: number | undefined
  /** 0 to 1; undefined while nobody knows. */
  readonly utilisation: number | undefined
  /** Why it asks for another number, for people. */
  why(): string
  /** One look, which counts when it is taken in: the topology may have changed meanwhile. */
  look(map: SystemMap): Promise<{ atMs: number; takeIn(topology: Topology): void }>
  /** How many there shall be in the place of `number`. */
  next(number: number, atMs: number, topology: Topology): number
}
